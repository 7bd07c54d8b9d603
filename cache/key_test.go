package cache_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
)

// inputs are what a key is made of in a full request.
func inputs() []cache.Input {
	var in []cache.Input
	for i := range 24 {
		switch i % 3 {
		case 0:
			in = append(in, cache.Present(fmt.Sprintf("input%d", i), fmt.Sprintf("value%d", i)))
		case 1:
			in = append(in, cache.Absent(fmt.Sprintf("input%d", i)))
		case 2:
			in = append(in, cache.Present(fmt.Sprintf("input%d", i), ""))
		}
	}
	return in
}

// mutations changes input i alone, in every way there is.
func mutations(in []cache.Input, i int) map[string][]cache.Input {
	edit := func(x ...cache.Input) []cache.Input {
		out := append([]cache.Input{}, in[:i]...)
		return append(append(out, x...), in[i+1:]...)
	}
	name := in[i].Name
	m := map[string][]cache.Input{
		"another value": edit(cache.Present(name, "other")),
		"renamed":       edit(cache.Input{Name: name + "x", Value: in[i].Value}),
		"dropped":       edit(),
		"doubled":       edit(in[i], in[i]),
	}
	switch v := in[i].Value; {
	case v == nil:
		m["empty instead of absent"] = edit(cache.Present(name, ""))
	case *v == "":
		m["absent instead of empty"] = edit(cache.Absent(name))
		m["NUL"] = edit(cache.Present(name, "\x00"))
	default:
		m["absent"] = edit(cache.Absent(name))
		m["empty"] = edit(cache.Present(name, ""))
		m["case"] = edit(cache.Present(name, "V"+(*v)[1:]))
		m["trailing blank"] = edit(cache.Present(name, *v+" "))
		m["trailing NUL"] = edit(cache.Present(name, *v+"\x00"))
		m["moved into the name"] = edit(cache.Present(name+(*v)[:1], (*v)[1:]))
	}
	if i+1 < len(in) {
		out := edit(in[i])
		out[i], out[i+1] = out[i+1], out[i]
		m["swapped with the next"] = out
	}
	return m
}

func TestEachInputAloneMakesAnotherKey(t *testing.T) {
	in := inputs()
	seen := map[string]string{cache.NewKey(in...).String(): "the request itself"}
	for i := range in {
		for how, changed := range mutations(in, i) {
			what := fmt.Sprintf("input %d: %s", i, how)
			k := cache.NewKey(changed...).String()
			if other, taken := seen[k]; taken {
				t.Errorf("%s has the key of %s", what, other)
			}
			seen[k] = what
		}
	}
	if len(seen) < 150 {
		t.Fatalf("only %d keys were compared", len(seen))
	}
}

func TestKeyDoesNotFollowItsArguments(t *testing.T) {
	in := inputs()
	k := cache.NewKey(in...)
	in[0] = cache.Present("input0", "changed later")
	k.Inputs()[1] = cache.Present("changed", "too")
	if got := cache.NewKey(k.Inputs()...); got.String() != k.String() {
		t.Error("a key changed after it was made")
	}
	if cache.Optional("a", "").Value != nil || *cache.Optional("a", "b").Value != "b" || *cache.Present("a", "").Value != "" {
		t.Error("absent and empty are mixed up")
	}
}

// The worst fault there is: a record served to a request that it was not made for.
func TestRecordOfAnotherRequestIsNeverServed(t *testing.T) {
	c := open(t)
	in := inputs()
	mine := cache.NewKey(in...)
	if err := c.Store(mine, tok(mine, 1, time.Hour), false); err != nil {
		t.Fatal(err)
	}
	data := read(t, cache.RecordPath(c, mine))
	for i := range in {
		for how, changed := range mutations(in, i) {
			other := cache.NewKey(changed...)
			write(t, cache.RecordPath(c, other), data)
			_, err := c.Load(other)
			if m := missOf(t, err); m.Reason != "the record was made for another request" {
				t.Errorf("input %d, %s: %s", i, how, m.Reason)
			}
			_ = os.Remove(cache.RecordPath(c, other))
		}
	}
	r, err := c.Load(mine)
	if err != nil || r.Token.Credentials.AccessKeyID != stamp(mine, 1) {
		t.Fatalf("the record itself: %v, %v", r, err)
	}
}

func TestSwappedRecordsAreNeverServed(t *testing.T) {
	c := open(t)
	a, b := newSource("a", time.Hour), newSource("b", time.Hour)
	mustGet(t, c, a.want())
	mustGet(t, c, b.want())
	pa, pb := cache.RecordPath(c, a.key), cache.RecordPath(c, b.key)
	da, db := read(t, pa), read(t, pb)
	write(t, pa, db)
	write(t, pb, da)
	entries, err := entriesOf(c)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for _, e := range entries {
		if e.Record != nil || e.Miss == nil || e.Miss.Reason != "the file was renamed" {
			t.Errorf("entry %s: %v, %v", e.Name, e.Record, e.Miss)
		}
	}
	heals(t, c, a)
	heals(t, c, b)
}

// Values need not be UTF-8: the name of a file, say. What was stored must be found again.
func TestInputsOfAnyBytesAreFoundAgain(t *testing.T) {
	c := open(t)
	for _, v := range []string{"", "\xff", "/home/jos\xe9/.aws/config", "a\x00b", "\u2028<>&", "�", `"\`} {
		k := cache.NewKey(cache.Present("file", v))
		s := &source{key: k, life: time.Hour}
		heals(t, c, s)
		r, err := c.Load(k)
		if err != nil {
			t.Fatalf("%q: %v", v, err)
		}
		if len(r.Inputs) != 1 || r.Inputs[0].Value == nil || *r.Inputs[0].Value != v {
			t.Errorf("%q came back as %v", v, r.Inputs)
		}
	}
}

// randomInputs makes inputs whose parts are likely to run into each other.
func randomInputs(r *rand.Rand) []cache.Input {
	part := func() string {
		b := make([]byte, r.IntN(3))
		for i := range b {
			b[i] = "ab\x00\x01\xff"[r.IntN(5)]
		}
		return string(b)
	}
	in := make([]cache.Input, r.IntN(4))
	for i := range in {
		if in[i] = cache.Present(part(), part()); r.IntN(3) == 0 {
			in[i].Value = nil
		}
	}
	return in
}

func TestKeysAreEqualOnlyIfInputsAre(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[string]string{}
	for range 20_000 {
		in := randomInputs(r)
		var words strings.Builder
		for _, x := range in {
			words.WriteString(fmt.Sprintf("%q=", x.Name))
			if x.Value != nil {
				words.WriteString(fmt.Sprintf("%q", *x.Value))
			}
			words.WriteString(";")
		}
		k := cache.NewKey(in...).String()
		if other, ok := seen[k]; ok && other != words.String() {
			t.Fatalf("%s and %s have one key", words.String(), other)
		}
		seen[k] = words.String()
	}
}
