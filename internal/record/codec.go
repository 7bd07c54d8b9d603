package record

import (
	"errors"
	"time"
)

// The document of a record is JSON in one form only: the order of the members fixed, no white
// space, every member there (but the two that say so). Times are UTC in whole seconds, RFC 3339; the boot clock is in
// nanoseconds. An input's value is in base64, since it need not be UTF-8 (a file's name, say)
// and JSON strings must; null is an absent one. One list of the members is both written and read by.

// Marshal is the document of r.
func Marshal(r *Record) ([]byte, error) {
	for _, t := range []time.Time{r.Issued.Wall, r.Expires} {
		if y := t.UTC().Year(); y < 0 || y > 9999 {
			return nil, errors.New("the record has a time that is no RFC 3339 time")
		}
	}
	return marshal(*r), nil
}

func marshal(r Record) []byte {
	f := form{out: make([]byte, 0, 2048+len(r.SessionToken))}
	r.members(&f)
	return f.out
}

// Unmarshal reads the document of a record, or gives the reason why it is not believed. What was
// read is believed only if writing it again gives the same bytes, which rules out doubled, unknown,
// missing and differently spelt members, trailing bytes and every other way in which two readers
// could see two documents in one.
func Unmarshal(doc []byte) (r *Record, reason string) {
	r, reason = parse(form{reading: true, rest: string(doc)})
	if reason == "" && string(marshal(*r)) != string(doc) {
		return nil, notAsWritten
	}
	return r, reason
}

const notAsWritten = "the document is not in the form it was written in"

// Parse reads a document that has passed Unmarshal before, without the values of its inputs.
func Parse(doc string) (r *Record, reason string) {
	return parse(form{reading: true, skim: true, rest: doc})
}

// usualInputs is for how many inputs room is made at once.
const usualInputs = 32

func parse(f form) (r *Record, reason string) {
	r = &Record{Inputs: make([]Input, 0, usualInputs)}
	if r.members(&f); len(r.Inputs) == 0 {
		r.Inputs = nil
	}
	if f.failed || f.rest != "" {
		return nil, notAsWritten
	}
	life := r.Lifetime()
	if life <= 0 || r.IssuedPart < 0 || r.IssuedPart >= time.Second || r.Advisory < 0 || r.Advisory > life {
		return nil, "the record is incomplete"
	}
	return r, ""
}

// members goes over the members of the document in their order, and writes or reads each.
func (r *Record) members(f *form) {
	f.raw(`{"version":1,"inputs":[`)
	for i := 0; !f.has(`]`, i == len(r.Inputs)); i++ {
		if f.failed {
			return
		}
		if f.reading {
			r.Inputs = append(r.Inputs, Input{})
		}
		if i > 0 {
			f.raw(`,`)
		}
		f.text(`{"n":`, &r.Inputs[i].Name)
		f.bytes(`,"v":`, &r.Inputs[i].Value)
		f.raw(`}`)
	}
	f.text(`,"token":{"operation":`, &r.Operation)
	f.text(`,"access_key_id":`, &r.AccessKeyID)
	f.text(`,"secret_access_key":`, &r.SecretAccessKey)
	f.text(`,"session_token":`, &r.SessionToken)
	f.text(`,"account_id":`, &r.AccountID)
	f.time(`,"issued":`, &r.Issued.Wall)
	f.time(`,"expires":`, &r.Expires)
	f.raw(`,"packed_policy_size":`)
	if !f.has(`null`, r.PackedPolicySize == nil) {
		f.size(&r.PackedPolicySize)
	}
	// Left out where absent, so that records of before STS said them are read.
	if f.has(`,"session_token_size":`, r.SessionTokenSize != nil) {
		f.size(&r.SessionTokenSize)
	}
	if f.has(`,"session_token_utilization":`, r.SessionTokenUtilization != nil) {
		f.size(&r.SessionTokenUtilization)
	}
	if f.has(`,"scoped_policies":`, r.ScopedPolicies != nil) {
		f.size(&r.ScopedPolicies)
	}
	f.principal(`,"federated_user":`, &r.FederatedUser)
	f.principal(`,"assumed_role":`, &r.AssumedRole)
	if f.has(`,"scoped_session":`, r.ScopedSession != nil) {
		f.principal(``, &r.ScopedSession)
	}
	f.text(`,"subject":`, &r.Subject)
	f.text(`,"audience":`, &r.Audience)
	f.text(`,"provider":`, &r.IdentityProvider)
	f.text(`,"source_identity":`, &r.SourceIdentity)
	// A number of seconds that no duration can hold wraps around, and is then written otherwise.
	advisory := int64(r.Advisory / time.Second)
	f.number(`},"advisory_seconds":`, &advisory)
	r.Advisory = time.Duration(advisory) * time.Second
	f.number(`,"issued_boottime_ns":`, (*int64)(&r.Issued.Boot))
	f.text(`,"boot_id":`, &r.Issued.BootID)
	if f.has(`,"issued_part_ns":`, r.IssuedPart != 0) { // as above
		f.number(``, (*int64)(&r.IssuedPart))
	}
	f.text(`,"note":`, &r.Note)
	// Left out where they say nothing, as in all records of before there were sources to tell apart.
	if f.has(`,"signer":`, r.Signer != nil) {
		f.principal(``, &r.Signer)
	}
	r.Endless = f.has(`,"endless":true`, r.Endless)
	f.raw(`}`)
}
