package daily_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// What a role in another region was made from shows whose it is, as long as that is there and
// after it was removed.
func TestLogoutElsewhere(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	m.Creds(t, m.Run(t, "--profile", "r0", "--region", "eu-west-1", "--role-session-name", "me", "--mfa-code", m.Code()))
	m.Creds(t, m.Run(t, "--profile", "r1", "--region", "eu-west-1"))
	r := m.Run(t, "logout", "r0", "--shared")
	if r.Code != 0 || strings.Count(r.Stdout, "removed r0: ") != 1 || strings.Count(r.Stdout, "removed the session of r0: ") != 1 || strings.Count(r.Stdout, "made with region eu-west-1") != 2 ||
		!strings.Contains(r.Stdout, "assumed-role/role0/me") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	if r := m.Run(t, "logout", "r0"); r.Stdout != "r0: nothing was in the cache\n" {
		t.Errorf("%q", r.Stdout)
	}
	// The session is gone; the other role is still known by it.
	r = m.Run(t, "logout", "r1")
	if r.Code != 0 || strings.Count(r.Stdout, "removed r1: ") != 1 || !strings.Contains(r.Stdout, "assumed-role/role1/") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	if r := m.Run(t, "status", "--long"); r.Stdout != "nothing is in the cache\n" {
		t.Errorf("%q", r.Stdout)
	}
}

// A process that renews a record all the while may store it again, and is named.
func TestLogoutDuringRenewal(t *testing.T) {
	harness.Long(t, "waits until logout gives up")
	t.Parallel()
	w := harness.NewWorld(t)
	w.Creds(t, w.Run(t, "--source-profile", "base"))
	w.STS.Fault(emulator.Fault{Kind: emulator.Hang})
	renewal := w.Command(t, "login", "--force", "--source-profile", "base")
	harness.Must(t, harness.Begin(renewal))
	harness.Await(t, "the renewal", func() bool { return w.STS.Count("GetSessionToken") == 2 })
	harness.Must(t, renewal.Process.Signal(syscall.SIGSTOP)) // it would give up at about the same time as the logout
	t.Cleanup(func() { _ = renewal.Process.Kill() })
	r := w.Run(t, "logout", "--source-profile", "base")
	want := fmt.Sprintf("sts-helper: pid %d is renewing it and may store it again; run logout once more\n", renewal.Process.Pid)
	if r.Code != 7 || r.Stderr != want || strings.Count(r.Stdout, "removed base: ") != 1 {
		t.Errorf("exit %d, %q, %q; want %q", r.Code, r.Stdout, r.Stderr, want)
	}
	// So is who gets what is not there yet.
	if r := w.Run(t, "logout", "--source-profile", "base"); r.Code != 7 || r.Stderr != want || r.Stdout != "" {
		t.Errorf("exit %d, %q, %q; want %q", r.Code, r.Stdout, r.Stderr, want)
	}
	harness.Must(t, renewal.Process.Kill())
	_ = renewal.Wait()
	if r := w.Run(t, "logout", "--source-profile", "base"); r.Code != 0 || r.Stderr != "" || r.Stdout != "base: nothing was in the cache\n" {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
}

// A session that other profiles use stays, and both what goes and what stays is named.
func TestLogoutLeavesSharedSessions(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	m.Creds(t, m.Run(t, "--profile", "r0", "--mfa-code", m.Code()))
	r := m.Run(t, "logout", "r0")
	if r.Code != 0 || strings.Count(r.Stdout, "removed ") != 1 || !strings.HasPrefix(r.Stdout, "removed r0: AssumeRole ") ||
		!strings.Contains(r.Stdout, "\nkept the session of r0, used by dev and ") || !strings.HasSuffix(r.Stdout, "; run: sts-helper logout --shared r0\n") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	m.Creds(t, m.Run(t, "--profile", "r1")) // costs no code
	r = m.Run(t, "logout", "--shared", "r0")
	if r.Code != 0 || strings.Count(r.Stdout, "removed ") != 1 || !strings.HasPrefix(r.Stdout, "removed the session of r0: GetSessionToken") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	if r := m.Run(t, "--profile", "r2"); r.Code != harness.ExitInteraction {
		t.Errorf("exit %d, %q: the session is still there", r.Code, r.Stderr)
	}
}

// For a program a logout says the same in one document.
func TestLogoutJSON(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	m.Creds(t, m.Run(t, "--profile", "r0", "--mfa-code", m.Code()))
	type record struct {
		Profile, Of, Result, Key, Operation, Identity string
		UsedBy                                        []string `json:"used_by"`
		AccessKeyID                                   string   `json:"access_key_id"`
		Expires                                       *time.Time
	}
	logout := func(args ...string) (doc struct {
		Version  int
		Logins   []struct{ Profile, Kind string }
		Records  []record
		Renewing []struct{ PID int }
	}) {
		t.Helper()
		r := m.Run(t, append([]string{"logout", "--output", "json"}, args...)...)
		if err := json.Unmarshal([]byte(r.Stdout), &doc); err != nil || r.Code != 0 || r.Stderr != "" || doc.Version != 1 || doc.Logins == nil || doc.Renewing == nil {
			t.Fatalf("exit %d, %v, %q, %q", r.Code, err, r.Stdout, r.Stderr)
		}
		return doc
	}
	doc := logout("r0")
	if len(doc.Records) != 2 {
		t.Fatalf("%+v", doc.Records)
	}
	own, session := doc.Records[0], doc.Records[1]
	if own.Profile != "r0" || own.Of != "profile" || own.Result != "removed" || own.Operation != "AssumeRole" || !strings.Contains(own.Identity, ":assumed-role/role0/") ||
		len(own.Key) != 64 || !strings.HasPrefix(own.AccessKeyID, "ASIA") || own.Expires == nil || own.UsedBy != nil {
		t.Errorf("%+v", own)
	}
	if session.Profile != "r0" || session.Of != "session" || session.Result != "kept" || session.Operation != "GetSessionToken" || len(session.UsedBy) != harness.Roles || session.UsedBy[0] != "dev" {
		t.Errorf("%+v", session)
	}
	if doc := logout("r0"); len(doc.Records) != 1 || doc.Records[0].Result != "kept" {
		t.Errorf("%+v", doc.Records)
	}
	if doc := logout("--all"); len(doc.Records) != 1 || doc.Records[0].Result != "removed" || doc.Records[0].Profile != "" || doc.Records[0].Key != session.Key {
		t.Errorf("%+v", doc.Records)
	}
	if doc := logout("--all"); doc.Records == nil || len(doc.Records) != 0 {
		t.Errorf("%+v", doc.Records)
	}
	if r := m.Run(t, "logout", "r00", "--output", "json"); r.Code == 0 || r.Stdout != "" {
		t.Errorf("exit %d, %q", r.Code, r.Stdout)
	}
}

// A login does not make what no program asks for; the life of the session behind roles is a
// setting.
func TestLoginRefusesWhatIsNotUsed(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	for _, args := range [][]string{
		{"login", "r3", "--duration", "30m"},
		{"login", "--profile", "r3", "--duration", "30m"},
		{"login", "--all", "--duration", "30m"},
		{"login", "r3", "--role-arn", "arn:aws:iam::" + harness.Account + ":role/role4"},
		{"login", "--source-profile", "base", "--duration", "36h"},
	} {
		r := m.Run(t, append(args, "--mfa-code", m.Code())...)
		if r.Code != harness.ExitUsage || !strings.Contains(r.Stderr, "would never use what this login gets") || m.STS.Count("") != 0 {
			t.Errorf("%q: exit %d, %q, %d calls", args, r.Code, r.Stderr, m.STS.Count(""))
		}
	}
	harness.Must(t, m.Write(".config/sts-helper/config.toml", m.Read(t, ".config/sts-helper/config.toml")+"[profile.long]\nsource_profile = \"base\"\nrole_arn = \"arn:aws:iam::"+harness.Account+":role/role0\"\nsession_duration = \"36h\"\n"))
	r := m.Run(t, "login", "long", "--mfa-code", m.Code())
	if r.Code != 0 || !regexp.MustCompile(`no code is needed until .*\((1d11h|35h|36h|1d12h)`).MatchString(r.Stdout) {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	if r := m.Run(t, "login", "dev", "--session-duration", "20h"); r.Code != harness.ExitUsage || !strings.Contains(r.Stderr, "no MFA session is behind") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
}
