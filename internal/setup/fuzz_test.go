package setup

import (
	"maps"
	"testing"
)

// FuzzHomes: whatever the two files hold, a plan either is refused or is carried out and undone to
// the last byte, and a second run has nothing to do.
func FuzzHomes(f *testing.F) {
	for _, tc := range homes {
		f.Add(tc.home[".aws/config"], tc.home[".aws/credentials"])
	}
	f.Fuzz(func(t *testing.T, config, credentials string) {
		dir, env := home{".aws/config": config, ".aws/credentials": credentials}.make(t)
		before := tree(t, dir)
		opts := Options{MoveKeys: true, Program: "sts-helper"}
		p, err := NewPlan(env, opts)
		if err != nil {
			return
		}
		if _, err := p.Apply(); err != nil {
			t.Fatal(err)
		}
		again, err := NewPlan(env, opts)
		if err != nil {
			t.Fatalf("a second run: %v", err)
		}
		if c := again.Changes(); len(c) > 0 {
			t.Fatalf("a second run: %+v", c)
		}
		if _, err := Remove(env, false); err != nil {
			t.Fatal(err)
		}
		if after := tree(t, dir); !maps.Equal(before, after) {
			t.Fatalf("%q\nwas %q", after, before)
		}
	})
}
