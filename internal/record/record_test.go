package record

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestFreshness(t *testing.T) {
	r := Record{Issued: Moment{issued, time.Hour, "b"}, Expires: issued.Add(time.Hour), Advisory: 20 * time.Minute}
	for _, tc := range []struct {
		name         string
		wall, boot   time.Duration // since it was issued
		id           string
		noWindow     bool
		fresh, later bool
	}{
		{"at once", 0, 0, "b", false, true, false},
		{"before the window", 39 * time.Minute, 39 * time.Minute, "b", false, true, false},
		{"in the window", 41 * time.Minute, 41 * time.Minute, "b", false, false, false},
		{"wall clock set back", 0, 41 * time.Minute, "b", false, false, false},
		{"another boot", 10 * time.Minute, -time.Hour, "c", false, true, false},
		{"no boot clock", 41 * time.Minute, 0, "", false, false, false},
		{"from the future", -6 * time.Minute, 0, "c", false, true, true},
		{"from the future, without a boot clock", -6 * time.Minute, 0, "", false, true, true},
		{"a little from the future", -4 * time.Minute, 0, "c", false, true, false},
		{"wall clock set back before its issue", -6 * time.Minute, time.Minute, "b", false, true, false},
		{"before it must be refreshed", time.Hour - 61*time.Second, 0, "", true, true, false},
		{"it must be refreshed", time.Hour - 59*time.Second, 0, "", true, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := r
			if tc.noWindow {
				r.Advisory = 0
			}
			at := Moment{issued.Add(tc.wall), r.Issued.Boot + tc.boot, tc.id}
			if got := r.Fresh(at); got != tc.fresh {
				t.Errorf("fresh: %v", got)
			}
			if got := r.FromFuture(at); got != tc.later {
				t.Errorf("from the future: %v", got)
			}
		})
	}
}

func TestRecordsShowNoSecret(t *testing.T) {
	r := Record{AccessKeyID: "ASIAQNZGKIQY56JQ7WML", SecretAccessKey: "CANARYsecret", SessionToken: "CANARYtoken"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, v := range []any{r, &r} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "CANARY") {
				t.Errorf("%s: %s", verb, s)
			}
		}
	}
}

func TestDefaultDir(t *testing.T) {
	for _, tc := range []struct{ xdg, home, want string }{
		{"/x", "/home/u", "/x/sts-helper"},
		{"/x/", "", "/x/sts-helper"},
		{"", "/home/u", "/home/u/.cache/sts-helper"},
		{"relative", "/home/u/", "/home/u/.cache/sts-helper"},
		{"", "", ""},
		{"", "/", ""},
		{"", "home", ""},
	} {
		env := map[string]string{"XDG_CACHE_HOME": tc.xdg, "HOME": tc.home}
		got, err := DefaultDir(func(name string) string { return env[name] })
		if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
			t.Skip("the names are those of Linux")
		}
		if got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%+v: %q, %v", tc, got, err)
		}
	}
}
