package direct

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// The floor and the slack are those of package cache, which may not be imported here: it
// needs the SDK. Its tests hold both to the same answers.
const (
	hardFloor   = 10 * time.Second
	futureSlack = 5 * time.Minute
	recordMagic = "STSH1 "
	timeForm    = "2006-01-02T15:04:05Z"
)

// record is what is read of a record's file.
type record struct {
	inputs                              [sha256.Size]byte
	accessKeyID, secret, token, account string
	issued, expires                     time.Time
	advisory                            time.Duration
	boot                                time.Duration
	bootID                              string
}

// readRecord reads the file of a record, in the one form in which package cache writes it.
// The checksum rules out damage; a value that would need unescaping is left to that package.
func readRecord(data []byte) (r record, ok bool) {
	head := len(recordMagic) + 2*sha256.Size
	if len(data) <= head || string(data[:len(recordMagic)]) != recordMagic || data[head] != '\n' {
		return r, false
	}
	doc := data[head+1:]
	sum := sha256.Sum256(doc)
	if hex.EncodeToString(sum[:]) != string(data[len(recordMagic):head]) {
		return r, false
	}
	s := scanner{string(doc), true}
	s.expect(`{"version":1,"inputs":[`)
	r.inputs = sha256.Sum256([]byte(s.until(`],"token":{"operation":"`)))
	s.value()
	r.accessKeyID = s.field("access_key_id")
	r.secret = s.field("secret_access_key")
	r.token = s.field("session_token")
	r.account = s.field("account_id")
	r.issued = s.time("issued")
	r.expires = s.time("expires")
	// A quote within a string is escaped, so this cannot stand in one.
	s.until(`},"advisory_seconds":`)
	r.advisory = time.Duration(s.number()) * time.Second
	s.expect(`,"issued_boottime_ns":`)
	r.boot = time.Duration(s.number())
	s.expect(`,"boot_id":"`)
	r.bootID = s.value()
	return r, s.ok && r.accessKeyID != "" && r.secret != "" && r.token != "" &&
		r.advisory >= 0 && r.advisory <= r.expires.Sub(r.issued)
}

// fresh reports whether the record needs no refresh by either clock.
func (r *record) fresh(wall time.Time, boot time.Duration, bootID string) bool {
	if r.issued.Sub(wall) > futureSlack {
		return false
	}
	remaining := r.expires.Sub(wall)
	if bootID != "" && bootID == r.bootID {
		remaining = min(remaining, r.expires.Sub(r.issued)-(boot-r.boot))
	}
	return remaining > max(r.advisory, hardFloor)
}

// document is the credential_process document, as package process writes it.
func (r *record) document() []byte {
	var b bytes.Buffer
	b.WriteString(`{"Version":1,"AccessKeyId":"` + r.accessKeyID + `","SecretAccessKey":"` + r.secret +
		`","SessionToken":"` + r.token + `","Expiration":"` + r.expires.Format(timeForm))
	if r.account != "" {
		b.WriteString(`","AccountId":"` + r.account)
	}
	b.WriteString("\"}\n")
	return b.Bytes()
}

// scanner takes text apart from the front. Once something is not as expected, ok is false
// and stays so.
type scanner struct {
	rest string
	ok   bool
}

func (s *scanner) expect(text string) {
	rest, found := strings.CutPrefix(s.rest, text)
	s.rest, s.ok = rest, s.ok && found
}

func (s *scanner) until(text string) string {
	before, rest, found := strings.Cut(s.rest, text)
	s.rest, s.ok = rest, s.ok && found
	return before
}

// value is the rest of a string up to its closing quote.
func (s *scanner) value() string {
	v := s.until(`"`)
	s.ok = s.ok && !strings.Contains(v, `\`)
	return v
}

func (s *scanner) field(name string) string {
	s.expect(`,"` + name + `":"`)
	return s.value()
}

func (s *scanner) time(name string) time.Time {
	t, err := time.Parse(timeForm, s.field(name))
	s.ok = s.ok && err == nil
	return t
}

func (s *scanner) number() int64 {
	end := 0
	for end < len(s.rest) && (s.rest[end] >= '0' && s.rest[end] <= '9' || s.rest[end] == '-') {
		end++
	}
	n, err := strconv.ParseInt(s.rest[:end], 10, 64)
	s.rest, s.ok = s.rest[end:], s.ok && err == nil
	return n
}
