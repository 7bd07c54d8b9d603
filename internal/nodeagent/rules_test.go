package nodeagent

import (
	"slices"
	"strings"
	"testing"
)

func TestParseRules(t *testing.T) {
	t.Parallel()
	r, err := ParseRules("# comment\n\n shop/web\tweb \nshop/batch  my profile\r\nstore/a.b web\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Profiles(); !slices.Equal(got, []string{"my profile", "web"}) {
		t.Errorf("profiles: %q", got)
	}
	for a, want := range map[account]string{{"shop", "web"}: "web", {"shop", "batch"}: "my profile", {"store", "a.b"}: "web", {"shop", "db"}: "", {"", "web"}: ""} {
		if got := r.profiles[a]; got != want {
			t.Errorf("%v: %q", a, got)
		}
	}
	for _, text := range []string{"", "\n", "# shop/web web\n"} { // who takes the last line out takes everything
		if r, err := ParseRules(text); err != nil || len(r.Profiles()) != 0 {
			t.Errorf("%q: %v, %v", text, r, err)
		}
	}
	for text, want := range map[string]string{
		"shop/web":                       "1: want NAMESPACE/SERVICEACCOUNT and a profile",
		"a/b c\nshop web\n":              "2: want NAMESPACE/SERVICEACCOUNT, not \"shop\"",
		"*/web web":                      "is no name of a namespace",
		"shop/* web":                     "is no name of a service account",
		"shop/web/x web":                 "is no name of a service account",
		"Shop/web web":                   "is no name of a namespace",
		"a.b/web web":                    "is no name of a namespace",
		"-a/web web":                     "is no name of a namespace",
		"a/b c\n\na/b d\n":               "3: a/b is named twice",
		"/web web":                       "is no name of a namespace",
		strings.Repeat("a", 64) + "/b c": "is no name of a namespace",
	} {
		if _, err := ParseRules(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseRules(f *testing.F) {
	f.Add("shop/web web\n# x\n")
	f.Add("a/b c d\r\n\ta/c e")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRules(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Errorf("%q: the error %q is not one line", text, err)
			}
			return
		}
		for a, p := range r.profiles {
			again, err := ParseRules(a.namespace + "/" + a.name + " " + p)
			if err != nil || again.profiles[a] != p {
				t.Errorf("%v %q: %v", a, p, err)
			}
		}
	})
}

func FuzzReadClaims(f *testing.F) {
	f.Add("e30.eyJhdWQiOiJhIiwiZXhwIjoxfQ.c2ln")
	f.Add("e30.eyJhdWQiOlsiYSIsImIiXSwiZXhwIjoxLjV9.c2ln")
	f.Fuzz(func(t *testing.T, token string) {
		if _, ends, ok := readClaims(token); ok && (ends.IsZero() || strings.Count(token, ".") != 2) {
			t.Errorf("%q: taken, ends %v", token, ends)
		}
	})
}
