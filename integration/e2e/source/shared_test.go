package source_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// crowd is how many profiles want something at once.
func crowd() int {
	if testing.Short() {
		return 8
	}
	return 100
}

// entries adds as many entries, each of another role session of the profile, and others that hand
// its credentials out.
func (w *world) entries(t *testing.T, profile string, n int) (names []string) {
	t.Helper()
	var toml strings.Builder
	for i := range n {
		name := fmt.Sprintf("p%d", i)
		fmt.Fprintf(&toml, "[profile.%s]\nsource_profile = %q\n", name, profile)
		if i%4 != 0 {
			fmt.Fprintf(&toml, "role_arn = %q\nrole_session_name = %q\n", w.app, name)
		}
		names = append(names, name)
	}
	harness.Must(t, w.Write(".config/sts-helper/config.toml", toml.String()))
	return names
}

// all runs every entry at once; each must succeed with credentials of who.
func (w *world) all(t *testing.T, names []string, who string) {
	t.Helper()
	jobs := make([]*harness.Job, len(names))
	for i, name := range names {
		jobs[i] = harness.Start(t, nil, w.Command(t, "--profile", name))
	}
	for i, j := range jobs {
		if got := w.signer(t, j.Result(t)); got != who {
			t.Errorf("%s: got what %s signed", names[i], got)
		}
	}
}

// A source is asked once, and who it is, whatever number of profiles and processes build on it; a
// login that has ended is refreshed once, since its refresh token works once.
func TestOneFetchForAll(t *testing.T) {
	harness.Long(t, "crowds")
	t.Parallel()
	for _, tc := range []struct {
		profile, who   string
		ended          bool
		refresh, fetch string // operations
	}{
		{"corp", "alice", false, "CreateToken", "GetRoleCredentials"},
		{"corp", "alice", true, "CreateToken", "GetRoleCredentials"},
		{"console", "carol", false, "CreateOAuth2Token", ""},
		{"console", "carol", true, "CreateOAuth2Token", ""},
		{"vault", "bob", false, "", ""},
	} {
		t.Run(fmt.Sprintf("%s ended %v", tc.profile, tc.ended), func(t *testing.T) {
			w := newWorld(t)
			w.process(t, "vault", "cat ~/bob.json")
			w.signIn(t, "alice")
			w.signInConsole(t, "carol")
			if tc.ended {
				harness.EndsIn(t, w.sso, -time.Hour)
				harness.EndsIn(t, w.cons, -time.Hour)
			}
			w.all(t, w.entries(t, tc.profile, crowd()), tc.who)
			refreshes := 0
			if tc.ended {
				refreshes = 1
			}
			if n := w.STS.Count(tc.refresh); tc.refresh != "" && n != refreshes {
				t.Errorf("%d refreshes, want %d", n, refreshes)
			}
			if n := w.STS.Count(tc.fetch); tc.fetch != "" && n != 1 {
				t.Errorf("%s was asked %d times", tc.fetch, n)
			}
			if n := w.ran(t); tc.profile == "vault" && n != 1 {
				t.Errorf("the command ran %d times", n)
			}
			if n := w.STS.Count("GetCallerIdentity"); n != 1 {
				t.Errorf("who it is was asked %d times", n)
			}
			if n := w.STS.SSOSessionsEnded() + w.STS.LoginsEnded(); n != 0 {
				t.Errorf("%d logins lost", n)
			}
		})
	}
}

// Where AWS does not say whose a login is, one process of all is told so, and the others share that: their calls begin
// with the same question, also those that have a token.
func TestOneQuestionThatFails(t *testing.T) {
	w := newWorld(t)
	w.signIn(t, "alice")
	names := w.entries(t, "corp", crowd())
	w.all(t, names, "alice")
	w.signIn(t, "alice") // or somebody else
	w.STS.ResetCounts()
	w.STS.Fault(emulator.Fault{Kind: emulator.InternalFailure, Op: "GetCallerIdentity"})
	start := time.Now()
	var jobs []*harness.Job
	for _, name := range names {
		jobs = append(jobs, harness.Start(t, nil, w.Command(t, "--profile", name)))
	}
	for i, j := range jobs {
		r := j.Result(t)
		if i%4 == 0 { // the login's own credentials, of whomever they are
			w.Creds(t, r)
		} else if r.Code != harness.ExitUnreachable || r.Stdout != "" || strings.Count(r.Stderr, " ago: ") > 1 {
			t.Errorf("exit %d, %q", r.Code, r.Stderr)
		}
	}
	if n, most := w.STS.Count("GetCallerIdentity"), 1+int(time.Since(start)/(2*time.Second)); n > most { // it holds for 2 seconds
		t.Errorf("%d questions, and %d would do", n, most)
	}
	w.STS.ClearFaults()
	w.signIn(t, "alice") // which is tried at once
	w.all(t, names, "alice")
}

// A call that finds its token starts nothing: no program, no SDK.
func TestWarmCallsAreDirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.process(t, "vault", "cat ~/$WHO.json")
	w.Env["WHO"] = "bob"
	w.signIn(t, "alice")
	w.signInConsole(t, "carol")
	for profile, who := range map[string]string{"corp": "alice", "console": "carol", "vault": "bob"} {
		for _, args := range [][]string{w.role(profile), {"--source-profile", profile}} {
			for i := range 3 {
				r, direct := w.Directly(t, w.Command(t, args...))
				if got := w.signer(t, r); got != who || direct != (i > 0) {
					t.Errorf("%v, call %d: direct %v, signed by %s", args, i, direct, got)
				}
			}
		}
	}
	if n := w.ran(t); n != 1 {
		t.Errorf("the command ran %d times", n)
	}
}
