// Package process is the credential_process document: what an AWS SDK reads from the
// standard output of the program that a profile's credential_process names
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html).
package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/token"
)

// Version is the only version of the document there is. It is a JSON integer: no SDK takes
// a string.
const Version = 1

// MaxDocument bounds a document in bytes. Readers differ: the Java SDK takes 64,000, the
// Ruby SDK what a pipe holds (64 KiB) before it deadlocks.
const MaxDocument = record.MaxDocument

var (
	// ErrExpired is returned for credentials whose end is past: botocore and the
	// JavaScript SDK fail on them, the Go SDK asks again on every use.
	ErrExpired = errors.New("the credentials have expired")
	// ErrIncomplete is returned for credentials without their keys, or with a value that
	// no AWS credential has.
	ErrIncomplete = errors.New("the credentials are incomplete or malformed")
	// ErrTooLarge is returned for a document over [MaxDocument].
	ErrTooLarge = errors.New("the document is larger than every SDK reads")
)

// Encode renders creds as one line, JSON and a newline. The end is given in whole seconds,
// rounded down, UTC.
func Encode(creds token.Credentials) ([]byte, error) {
	if creds.AccessKeyID == "" || !token.ValidSecret(creds.SecretAccessKey) ||
		(creds.SessionToken != "" && !token.ValidSecret(creds.SessionToken)) ||
		(creds.AccountID != "" && !token.ValidAccountID(creds.AccountID)) {
		return nil, ErrIncomplete
	}
	var expires time.Time
	if creds.CanExpire {
		if creds.Expired(time.Now()) {
			return nil, ErrExpired
		}
		expires = creds.Expires
	}
	doc := record.Document(creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken, creds.AccountID, expires)
	if len(doc) > MaxDocument {
		return nil, fmt.Errorf("%w: %d bytes, %d at most", ErrTooLarge, len(doc), MaxDocument)
	}
	return doc, nil
}

// Write writes the document of creds to w in one call, or nothing. A part of a document
// would end in an error message of the SDK, with a key in it.
func Write(w io.Writer, creds token.Credentials) error {
	b, err := Encode(creds)
	if err != nil {
		return err
	}
	n, err := w.Write(b)
	if err != nil {
		return err
	}
	if n != len(b) {
		return io.ErrShortWrite
	}
	return nil
}

// Decode reads a document as strictly as the strictest SDK: Version the integer 1, both
// keys, one document and nothing behind it, the end in RFC 3339. Unknown members are
// ignored, as every SDK does. Errors never repeat the input, which may hold a key.
func Decode(data []byte) (token.Credentials, error) {
	if len(data) > MaxDocument {
		return token.Credentials{}, fmt.Errorf("%w: over %d bytes", ErrTooLarge, MaxDocument)
	}
	var doc struct {
		Version         json.RawMessage
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
		AccountID       string `json:"AccountId"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); err != nil {
		return token.Credentials{}, fmt.Errorf("%w: %s", ErrIncomplete, describe(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return token.Credentials{}, fmt.Errorf("%w: something follows the document", ErrIncomplete)
	}
	if string(doc.Version) != "1" {
		return token.Credentials{}, fmt.Errorf("%w: Version is not the number 1", ErrIncomplete)
	}
	if doc.AccessKeyID == "" || doc.SecretAccessKey == "" {
		return token.Credentials{}, fmt.Errorf("%w: AccessKeyId or SecretAccessKey is missing", ErrIncomplete)
	}
	creds := token.Credentials{
		AccessKeyID:     doc.AccessKeyID,
		SecretAccessKey: doc.SecretAccessKey,
		SessionToken:    doc.SessionToken,
		AccountID:       doc.AccountID,
	}
	if doc.Expiration != "" {
		end, ok := ParseExpiration(doc.Expiration)
		if !ok {
			return token.Credentials{}, fmt.Errorf("%w: Expiration is not an RFC 3339 time", ErrIncomplete)
		}
		creds.CanExpire, creds.Expires = true, end.UTC().Truncate(time.Second)
		if creds.Expired(time.Now()) {
			return token.Credentials{}, ErrExpired
		}
	}
	return creds, nil
}

// ParseExpiration reads the time at which credentials end, as programs write it: RFC 3339, also without
// the colon in its offset (+0100), with a blank for the T, or UTC for the Z. A time without a zone is
// refused: programs mean different things by it.
func ParseExpiration(s string) (time.Time, bool) {
	if len(s) > 10 && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	if at, ok := strings.CutSuffix(s, "UTC"); ok {
		s = strings.TrimSuffix(at, " ") + "Z"
	}
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05 Z0700", "2006-01-02T15:04:05 Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, t.UTC().Year() <= 9999 // beyond, it could not be printed
		}
	}
	return time.Time{}, false
}

// describe says what is wrong with JSON without repeating any of it.
func describe(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("%s is a JSON %s", kind.Field, kind.Value[:min(len(kind.Value), 6)])
	}
	return "not a JSON document"
}
