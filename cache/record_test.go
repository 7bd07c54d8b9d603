package cache_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
)

// sample is a record on disk.
func sample(t testing.TB) (*cache.Cache, *source, []byte) {
	t.Helper()
	c, s := open(t), newSource("dev", time.Hour)
	mustGet(t, c, s.want())
	return c, s, read(t, cache.RecordPath(c, s.key))
}

func TestRecordComesBackAsItWas(t *testing.T) {
	c, k := open(t), key("dev")
	want := tok(k, 1, 12*time.Hour)
	want.FederatedUser, want.AssumedRole = want.AssumedRole, nil
	want.Audience, want.Provider, want.SourceIdentity = "aud", "https://idp.example/é", "alice"
	if err := c.StoreNoted(k, want, "granted by bob <é>"); err != nil {
		t.Fatal(err)
	}
	r, err := c.Load(k)
	if err == nil && r.Note != "granted by bob <é>" {
		t.Errorf("note %q", r.Note)
	}
	if err != nil {
		t.Fatal(err)
	}
	want.Issued = r.Token.Issued
	if !reflect.DeepEqual(r.Token, want) {
		t.Errorf("stored %#v, read %#v", want.Credentials.AccessKeyID, r.Token)
	}
	if since := time.Since(r.Token.Issued); since < 0 || since > time.Minute {
		t.Errorf("issued %v ago", since)
	}
}

// Not one bit of a record may change unnoticed.
func TestEveryFlippedBitIsSeen(t *testing.T) {
	_, _, data := sample(t)
	bad := bytes.Clone(data)
	for i := range bad {
		for bit := range 8 {
			bad[i] ^= 1 << bit
			if _, err := cache.Decode(bad); err == nil {
				t.Errorf("byte %d, bit %d: believed", i, bit)
			}
			bad[i] = data[i]
		}
	}
	if _, err := cache.Decode(bad); err != nil {
		t.Fatalf("unflipped: %v", err)
	}
}

// damage is what can become of a file that is a good record of another request's neighbour.
func damage(data, other []byte) map[string][]byte {
	m := map[string][]byte{
		"empty":                   {},
		"doubled":                 append(bytes.Clone(data), data...),
		"document doubled":        append(bytes.Clone(data), cache.Document(data)...),
		"another record":          other,
		"another record's header": append(bytes.Clone(other[:len(other)-len(cache.Document(other))]), cache.Document(data)...),
		"trailing newline":        append(bytes.Clone(data), '\n'),
		"trailing NULs":           append(bytes.Clone(data), make([]byte, 4096)...),
		"zeroes":                  make([]byte, len(data)),
		"text":                    []byte("hello"),
		"plain JSON":              cache.Document(data),
		"leading BOM":             append([]byte("\xef\xbb\xbf"), data...),
		"CRLF":                    bytes.Replace(data, []byte("\n"), []byte("\r\n"), 1),
		"too large":               make([]byte, cache.MaxFile+1),
		"much too large":          bytes.Repeat(data, 1<<20/len(data)),
		"upper-case checksum":     append([]byte("STSH1 "), append(bytes.ToUpper(data[6:70]), data[70:]...)...),
		"another format":          append([]byte("STSH2 "), data[6:]...),
	}
	for _, n := range []int{1, 5, 6, 69, 70, 71, 72, len(data) / 2, len(data) - 1} {
		m[fmt.Sprintf("cut to %d bytes", n)] = data[:n]
	}
	return m
}

// forgeries are documents that another JSON reader might take for the record, under a
// checksum that is right.
func forgeries(t testing.TB, data []byte) map[string][]byte {
	doc := string(cache.Document(data))
	m := map[string]string{}
	change := func(name, from, to string) {
		t.Helper()
		if strings.Count(doc, from) == 0 || from == to {
			t.Fatalf("%s: the record has no %s", name, from)
		}
		m[name] = strings.Replace(doc, from, to, 1)
	}
	change("doubled member, first differs", `{"version":1,`, `{"version":2,"version":1,`)
	change("doubled member, last differs", `{"version":1,`, `{"version":1,"version":2,`)
	change("doubled equal member", `{"version":1,`, `{"version":1,"version":1,`)
	change("case variant", `"access_key_id"`, `"Access_Key_Id"`)
	change("case variant added", `"access_key_id":`, `"ACCESS_KEY_ID":"ASIAOTHERS0000000000","access_key_id":`)
	change("Kelvin sign", `"access_key_id"`, `"access_`+"\u212a"+`ey_id"`)
	change("unknown member", `{"version":1,`, `{"version":1,"x":1,`)
	change("unknown member below", `"token":{`, `"token":{"x":{},`)
	change("missing member", `"audience":"",`, ``)
	change("another order", `"version":1,"inputs"`, `"inputs"`)
	change("white space", `{"version"`, `{ "version"`)
	change("escaped letters", `"AssumeRole"`, `"\u0041ssumeRole"`)
	change("number as text", `"version":1`, `"version":"1"`)
	change("number with exponent", `"version":1`, `"version":1e0`)
	change("another version", `"version":1`, `"version":2`)
	change("no version", `"version":1,`, ``)
	change("version zero", `"version":1`, `"version":0`)
	change("null for text", `"subject":"\u003csub`, `"subject":null,"x":"\u003csub`)
	change("other type", `"token":{`, `"token":7,"was":{`)
	change("fraction of a second", `Z","expires"`, `.000Z","expires"`)
	change("offset instead of Z", `Z","expires"`, `+00:00","expires"`)
	change("unknown operation", `"AssumeRole"`, `"AssumeNothing"`)
	change("no secret", `"secret_access_key":"CANARY`, `"secret_access_key":"","x":"CANARY`)
	change("blank in the secret", `CANARYsecret`, `CANARY secret`)
	change("newline in the key id", `"access_key_id":"ASIA`, `"access_key_id":"ASIA\n`)
	change("negative window", `"advisory_seconds":`, `"advisory_seconds":-`)
	change("window longer than the life", `"advisory_seconds":`, `"advisory_seconds":9`)
	change("window that overflows", `"advisory_seconds":`, `"advisory_seconds":9223372036854`)
	change("ends before it was issued", `"expires":"20`, `"expires":"19`)
	m["trailing document"] = doc + doc
	m["trailing bracket"] = doc + "}"
	m["trailing white space"] = doc + " "
	m["leading white space"] = "\n" + doc
	m["array around it"] = "[" + doc + "]"
	m["null"] = "null"
	m["empty object"] = "{}"
	m["nothing"] = ""
	m["deep nesting"] = strings.Repeat("[", 60_000)
	m["deep objects"] = strings.Repeat(`{"version":`, 5_000)
	m["huge number"] = `{"version":` + strings.Repeat("9", 60_000) + `}`
	m["invalid UTF-8"] = strings.Replace(doc, "arn:aws", "arn:\xff", 1)
	out := map[string][]byte{}
	for name, d := range m {
		out[name] = cache.SealDocument([]byte(d))
	}
	return out
}

func TestDamagedRecordsAreNotBelievedAndHeal(t *testing.T) {
	c, s, data := sample(t)
	other := newSource("other", time.Hour)
	mustGet(t, c, other.want())
	path := cache.RecordPath(c, s.key)
	bad := damage(data, read(t, cache.RecordPath(c, other.key)))
	for name, d := range forgeries(t, data) {
		bad["checksum right, "+name] = d
	}
	for name, d := range bad {
		t.Run(name, func(t *testing.T) {
			write(t, path, d)
			_, err := c.Load(s.key)
			if m := missOf(t, err); strings.Contains(name, "too large") && !strings.Contains(m.Reason, "larger") {
				t.Errorf("reason %q", m.Reason)
			}
			entries, err := entriesOf(c)
			if err != nil || len(entries) != 2 {
				t.Fatalf("%d entries, %v", len(entries), err)
			}
			for _, e := range entries {
				if (e.Miss == nil) == (e.Name == s.key.String()) {
					t.Errorf("entry %s: %v", e.Name, e.Miss)
				}
			}
			heals(t, c, s)
		})
	}
}

// The two that the others are measured by: sealing again what was read changes nothing.
func TestSealedDocumentIsBelieved(t *testing.T) {
	_, _, data := sample(t)
	if !bytes.Equal(cache.SealDocument(cache.Document(data)), data) {
		t.Fatal("the test seals otherwise than the package")
	}
	if !json.Valid(cache.Document(data)) {
		t.Fatal("the document is not JSON")
	}
}

func TestEveryTruncationIsSeen(t *testing.T) {
	_, _, data := sample(t)
	for n := range data {
		if _, err := cache.Decode(data[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes: believed", n, len(data))
		}
	}
}

func TestRecordThatCannotBeKept(t *testing.T) {
	c, k := open(t), key("dev")
	large := tok(k, 1, time.Hour)
	large.Credentials.SessionToken = strings.Repeat("A", 32<<10)
	large.Subject = strings.Repeat("s", 40<<10)
	odd := tok(k, 1, time.Hour)
	odd.Subject = "caf\xe9"
	dead := tok(k, 1, -time.Hour)
	for name, tk := range map[string]struct {
		err string
		do  func() error
	}{
		"too large": {"64", func() error { return c.Store(k, large, false) }},
		"not UTF-8": {"not in the form", func() error { return c.Store(k, odd, false) }},
		"over":      {"ended at", func() error { return c.Store(k, dead, false) }},
	} {
		t.Run(name, func(t *testing.T) {
			err := tk.do()
			if err == nil || !strings.Contains(err.Error(), tk.err) && name != "too large" || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("err = %v", err)
			}
			if _, err := c.Load(k); missOf(t, err).Reason != "there is none" {
				t.Errorf("something was stored: %v", err)
			}
		})
	}
	if temps := cache.Temps(c); len(temps) > 0 {
		t.Errorf("left behind: %v", temps)
	}
}

// A state that is damaged holds no caller back.
func TestDamagedStateHoldsNoProcess(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	s.err = errDenied
	if _, err := c.Get(t.Context(), s.want()); err == nil {
		t.Fatal("no error")
	}
	path := cache.StatePath(c, s.key)
	data := read(t, path)
	bad := damage(data, data[:len(data)-1])
	delete(bad, "another record's header") // it is this record's own
	doc := string(cache.Document(data))
	for _, hold := range []string{"-1", "600000000001", "9223372036854775807"} {
		bad["holds "+hold] = cache.SealDocument([]byte(strings.Replace(doc, `"hold_ns":4000000000`, `"hold_ns":`+hold, 1)))
	}
	for name, d := range bad {
		write(t, path, d)
		before := s.calls.Load()
		if _, err := c.Get(t.Context(), s.want()); err == nil {
			t.Fatal("no error")
		}
		if s.calls.Load() != before+1 {
			t.Errorf("%s: the source was asked %d times, want once", name, s.calls.Load()-before)
		}
	}
	if _, err := c.Get(t.Context(), s.want()); err == nil || s.calls.Load() != int32(1+len(bad)) {
		t.Errorf("a good state does not hold: %d calls", s.calls.Load())
	}
}
