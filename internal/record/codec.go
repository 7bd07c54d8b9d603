package record

import (
	"errors"
	"time"
)

// The document of a record is JSON in one form only: the order of the members fixed, no white
// space, every member there (but the two that say so). Times are UTC in whole seconds, RFC 3339; the boot clock is in
// nanoseconds. An input's value is in base64, since it need not be UTF-8 (a file's name, say)
// and JSON strings must; null is an absent one.

// Encode renders the file of r.
func Encode(r *Record) ([]byte, error) {
	for _, t := range []time.Time{r.Issued.Wall, r.Expires} {
		if y := t.UTC().Year(); y < 0 || y > 9999 {
			return nil, errors.New("the record has a time that is no RFC 3339 time")
		}
	}
	return EncodeFile(encodeDocument(r))
}

func encodeDocument(r *Record) []byte {
	w := writer{b: make([]byte, 0, 2048+len(r.SessionToken))}
	w.raw(`{"version":`)
	w.number(Version)
	w.raw(`,"inputs":[`)
	for i, in := range r.Inputs {
		if i > 0 {
			w.raw(`,`)
		}
		w.field(`{"n":`, in.Name)
		w.raw(`,"v":`)
		w.bytes(in.Value)
		w.raw(`}`)
	}
	w.field(`],"token":{"operation":`, r.Operation)
	w.field(`,"access_key_id":`, r.AccessKeyID)
	w.field(`,"secret_access_key":`, r.SecretAccessKey)
	w.field(`,"session_token":`, r.SessionToken)
	w.field(`,"account_id":`, r.AccountID)
	w.raw(`,"issued":`)
	w.time(r.Issued.Wall)
	w.raw(`,"expires":`)
	w.time(r.Expires)
	w.raw(`,"packed_policy_size":`)
	if r.PackedPolicySize != nil {
		w.number(int64(*r.PackedPolicySize))
	} else {
		w.raw(`null`)
	}
	// Left out where absent, so that records of before STS said them are read.
	w.optional(`,"session_token_size":`, r.SessionTokenSize)
	w.optional(`,"session_token_utilization":`, r.SessionTokenUtilization)
	w.raw(`,"federated_user":`)
	w.principal(r.FederatedUser)
	w.raw(`,"assumed_role":`)
	w.principal(r.AssumedRole)
	w.field(`,"subject":`, r.Subject)
	w.field(`,"audience":`, r.Audience)
	w.field(`,"provider":`, r.IdentityProvider)
	w.field(`,"source_identity":`, r.SourceIdentity)
	w.raw(`},"advisory_seconds":`)
	w.number(int64(r.Advisory / time.Second))
	w.raw(`,"issued_boottime_ns":`)
	w.number(int64(r.Issued.Boot))
	w.field(`,"boot_id":`, r.Issued.BootID)
	w.field(`,"note":`, r.Note)
	// Left out where they say nothing, as in all records of before there were sources to tell apart.
	if r.Signer != nil {
		w.raw(`,"signer":`)
		w.principal(r.Signer)
	}
	if r.Endless {
		w.raw(endless)
	}
	w.raw(`}`)
	return w.b
}

const endless = `,"endless":true`

func (w *writer) optional(name string, n *int32) {
	if n != nil {
		w.raw(name)
		w.number(int64(*n))
	}
}

func (w *writer) principal(p *Principal) {
	if p == nil {
		w.raw(`null`)
		return
	}
	w.field(`{"id":`, p.ID)
	w.field(`,"arn":`, p.ARN)
	w.raw(`}`)
}

// Decode reads the file of a record, or gives the reason why it is not believed. What was read
// is believed only if writing it again gives the same bytes, which rules out doubled, unknown,
// missing and differently spelt members, trailing bytes and every other way in which two
// readers could see two documents in one. It judges the form and the times; whether the keys
// could be keys is package cache's to judge, before it writes and after it reads.
func Decode(data []byte) (r *Record, reason string) {
	doc, reason := DecodeFile(data)
	if reason != "" {
		return nil, reason
	}
	r, ok := scanDocument(string(doc))
	if !ok || string(encodeDocument(r)) != string(doc) {
		return nil, "the document is not in the form it was written in"
	}
	life := r.Lifetime()
	if life <= 0 || r.Advisory < 0 || r.Advisory > life {
		return nil, "the record is incomplete"
	}
	return r, ""
}

func scanDocument(doc string) (*Record, bool) {
	s := scanner{rest: doc}
	r := &Record{}
	s.raw(`{"version":1,"inputs":[`)
	for !s.failed && !s.has(`],"token":{"operation":`) {
		if len(r.Inputs) > 0 {
			s.raw(`,`)
		}
		in := Input{Name: s.field(`{"n":`)}
		s.raw(`,"v":`)
		in.Value = s.bytes()
		s.raw(`}`)
		r.Inputs = append(r.Inputs, in)
	}
	r.Operation = s.text()
	r.AccessKeyID = s.field(`,"access_key_id":`)
	r.SecretAccessKey = s.field(`,"secret_access_key":`)
	r.SessionToken = s.field(`,"session_token":`)
	r.AccountID = s.field(`,"account_id":`)
	s.raw(`,"issued":`)
	r.Issued.Wall = s.time()
	s.raw(`,"expires":`)
	r.Expires = s.time()
	s.raw(`,"packed_policy_size":`)
	if !s.has(`null`) {
		size := int32(s.number(32))
		r.PackedPolicySize = &size
	}
	r.SessionTokenSize = s.optional(`,"session_token_size":`)
	r.SessionTokenUtilization = s.optional(`,"session_token_utilization":`)
	s.raw(`,"federated_user":`)
	r.FederatedUser = s.principal()
	s.raw(`,"assumed_role":`)
	r.AssumedRole = s.principal()
	r.Subject = s.field(`,"subject":`)
	r.Audience = s.field(`,"audience":`)
	r.IdentityProvider = s.field(`,"provider":`)
	r.SourceIdentity = s.field(`,"source_identity":`)
	s.raw(`},"advisory_seconds":`)
	// A number of seconds that no duration can hold wraps around, and is then written otherwise.
	r.Advisory = time.Duration(s.number(64)) * time.Second
	s.raw(`,"issued_boottime_ns":`)
	r.Issued.Boot = time.Duration(s.number(64))
	r.Issued.BootID = s.field(`,"boot_id":`)
	r.Note = s.field(`,"note":`)
	if s.has(`,"signer":`) {
		r.Signer = s.principal()
	}
	r.Endless = s.has(endless)
	s.raw(`}`)
	return r, !s.failed && s.rest == ""
}

func (s *scanner) optional(name string) *int32 {
	if !s.has(name) {
		return nil
	}
	n := int32(s.number(32))
	return &n
}

func (s *scanner) principal() *Principal {
	if s.has(`null`) {
		return nil
	}
	p := &Principal{ID: s.field(`{"id":`), ARN: s.field(`,"arn":`)}
	s.raw(`}`)
	return p
}
