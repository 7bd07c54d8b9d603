package record

import "time"

// MaxDocument bounds a credential_process document in bytes. Readers differ: the Java SDK
// takes 64,000, the Ruby SDK what a pipe holds (64 KiB) before it deadlocks.
const MaxDocument = 64_000

// Document is the credential_process document of credentials, one line: the members in the
// order in which AWS prints them, the end in whole seconds, rounded down, UTC. Empty members
// and a zero end are left out rather than sent empty: some readers take "" for a value.
// Characters that HTML would take for markup are not escaped: that would only make it longer.
// It does not judge the values.
func Document(accessKeyID, secretAccessKey, sessionToken, accountID string, expires time.Time) []byte {
	b := make([]byte, 0, 256+len(secretAccessKey)+len(sessionToken))
	member := func(name, value string) {
		b = append(append(append(b, ',', '"'), name...), '"', ':')
		b = appendString(b, value, false)
	}
	b = append(b, `{"Version":1`...)
	member("AccessKeyId", accessKeyID)
	member("SecretAccessKey", secretAccessKey)
	if sessionToken != "" {
		member("SessionToken", sessionToken)
	}
	if !expires.IsZero() {
		member("Expiration", expires.UTC().Format(timeForm))
	}
	if accountID != "" {
		member("AccountId", accountID)
	}
	return append(b, '}', '\n')
}

// Document is the credential_process document of the token.
func (r *Record) Document() []byte {
	expires := r.Expires
	if r.Endless {
		expires = time.Time{}
	}
	return Document(r.AccessKeyID, r.SecretAccessKey, r.SessionToken, r.AccountID, expires)
}
