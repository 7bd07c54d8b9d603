package cache_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
)

// fuzzInputs makes inputs of fuzzed bytes: ab says which of the values are absent.
func fuzzInputs(n1, v1, n2, v2 string, ab uint8) []cache.Input {
	in := []cache.Input{cache.Present(n1, v1), cache.Present(n2, v2)}
	for i := range in {
		if ab>>i&1 == 1 {
			in[i].Value = nil
		}
	}
	return in[:2-ab>>2&1]
}

func equal(a, b []cache.Input) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || (a[i].Value == nil) != (b[i].Value == nil) || a[i].Value != nil && *a[i].Value != *b[i].Value {
			return false
		}
	}
	return true
}

// Two keys are equal if and only if their inputs are.
func FuzzKeyIsInjective(f *testing.F) {
	f.Add("a", "b", "c", "d", uint8(0), "a", "b", "c", "d", uint8(0))
	f.Add("a", "", "c", "d", uint8(0), "a", "", "c", "d", uint8(1))
	f.Add("a", "bc", "", "", uint8(0), "ab", "c", "", "", uint8(0))
	f.Add("a", "b", "", "", uint8(4), "a", "b", "", "", uint8(0))
	f.Add("", "\x00\x00\x00\x00\x00\x00\x00\x00", "", "", uint8(0), "", "", "", "", uint8(0))
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string, ab uint8, m1, w1, m2, w2 string, cd uint8) {
		a, b := fuzzInputs(n1, v1, n2, v2, ab), fuzzInputs(m1, w1, m2, w2, cd)
		if (cache.NewKey(a...).String() == cache.NewKey(b...).String()) != equal(a, b) {
			t.Fatalf("%+v and %+v", a, b)
		}
	})
}

// The decoder never panics, and believes nothing but what the encoder writes.
func FuzzDecode(f *testing.F) {
	k := key("fuzz")
	c := open(f)
	if err := c.Store(k, tok(k, 1, time.Hour), false); err != nil {
		f.Fatal(err)
	}
	data := read(f, cache.RecordPath(c, k))
	f.Add(data, false)
	f.Add(cache.Document(data), true)
	for _, d := range forgeries(f, data) {
		if len(d) < 8<<10 {
			f.Add(cache.Document(d), true)
		}
	}
	for _, d := range damage(data, data) {
		if len(d) < 8<<10 {
			f.Add(d, false)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, sealed bool) {
		if sealed { // past the checksum, which a fuzzer cannot guess
			in = cache.SealDocument(in)
		}
		r, err := cache.Decode(in)
		if err != nil {
			missOf(t, err)
			return
		}
		again, err := cache.Encode(r)
		if err != nil || !bytes.Equal(again, in) {
			t.Fatalf("believed what is not written so: %v", err)
		}
		if r.Token.Validate() != nil || r.Advisory < 0 || r.Advisory > r.Token.Lifetime() {
			t.Fatalf("believed %v", r.Token)
		}
	})
}

// Whatever the inputs are made of, what was stored under them is found again.
func FuzzStoredIsFound(f *testing.F) {
	f.Add("policy", `{"Version":"2012-10-17"}`, false)
	f.Add("file", "\xff\xfe", false)
	f.Add("none", "", true)
	c := open(f)
	f.Fuzz(func(t *testing.T, name, value string, absent bool) {
		in := cache.Present("input "+name, value)
		if absent {
			in.Value = nil
		}
		k := cache.NewKey(in)
		if err := c.Store(k, tok(k, 1, time.Hour), false); err != nil {
			return // too large, or a name that no code of ours gives
		}
		defer func() { _ = c.Delete(k.String()) }()
		r, err := c.Load(k)
		if err != nil || !equal(r.Inputs, k.Inputs()) {
			t.Fatalf("%q=%q: %v", name, value, err)
		}
	})
}
