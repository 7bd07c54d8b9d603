package daily_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// profileLine is one of the profiles that status --output json prints.
type profileLine struct {
	Profile, Identity, Source, State, Detail string
	Session                                  bool
	NeedsMe                                  bool     `json:"needs_me"`
	UsedBy                                   []string `json:"used_by"`
	SecondsLeft                              int      `json:"seconds_left"`
	Expires                                  time.Time
}

func profileLines(t *testing.T, w *harness.World, args ...string) []profileLine {
	t.Helper()
	r := w.Run(t, append([]string{"status", "--output", "json"}, args...)...)
	var doc struct{ Profiles []profileLine }
	if err := json.Unmarshal([]byte(r.Stdout), &doc); err != nil || r.Code != 0 {
		t.Fatalf("exit %d, %v: %q %q", r.Code, err, r.Stdout, r.Stderr)
	}
	return doc.Profiles
}

// Forty profiles fit one screen, in the order that people count in, and each field is right.
func TestStatusOfFortyProfiles(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	var config strings.Builder
	for i := range 40 {
		name := fmt.Sprintf("team%d", i+1)
		role := m.STS.AddRole(harness.Account, name)
		fmt.Fprintf(&config, "[profile.%s]\nsource_profile = \"base\"\nrole_arn = %q\n", name, role.ARN)
	}
	harness.Must(t, m.Write(".config/sts-helper/config.toml", config.String()))
	for _, s := range profileLines(t, m.World) {
		if s.State != "code-needed" || !s.NeedsMe || s.Source != "base + MFA" || s.SecondsLeft != 0 || s.Session || s.Identity != "" {
			t.Errorf("%+v", s)
		}
	}
	m.Creds(t, m.Run(t, "--profile", "team2", "--mfa-code", m.Code()))
	m.Creds(t, m.Run(t, "--profile", "team10"))
	lines := profileLines(t, m.World)
	if len(lines) != 41 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, s := range lines[:40] {
		name := fmt.Sprintf("team%d", i+1)
		state, identity := "empty", ""
		if name == "team2" || name == "team10" {
			state, identity = "ok", "arn:aws:sts::"+harness.Account+":assumed-role/"+name+"/sts-helper-"
		}
		if s.Profile != name || s.State != state || s.NeedsMe || s.Session || s.Source != "base + MFA" || !strings.HasPrefix(s.Identity, identity) ||
			(s.SecondsLeft > 3500 && s.SecondsLeft <= 3600) != (state == "ok") || time.Until(s.Expires) > 0 != (state == "ok") || s.Detail != "" {
			t.Errorf("%+v", s)
		}
	}
	if s := lines[40]; !s.Session || s.State != "ok" || len(s.UsedBy) != 40 || s.UsedBy[0] != "team1" || !strings.HasPrefix(s.Identity, "the user of key AKIA") || s.SecondsLeft < 43000 {
		t.Errorf("%+v", s)
	}
	r := m.Run(t, "status")
	text := strings.Split(strings.TrimSuffix(r.Stdout, "\n"), "\n")
	if len(text) != 42 || slices.ContainsFunc(text, func(l string) bool { return len(l) > 110 }) || strings.Contains(r.Stdout, "\x1b") {
		t.Errorf("%d lines:\n%s", len(text), r.Stdout)
	}
	if f := strings.Fields(text[2]); len(f) != 9 || strings.Join(f[:4], " ") != "team2 team2 in "+harness.Account || strings.Join(f[5:], " ") != "base + MFA ok" {
		t.Errorf("%q", text[2])
	}
	for line, want := range map[int]string{0: "PROFILE", 2: "team2 ", 10: "team10 ", 41: "session of team1 and 39 more "} {
		if !strings.HasPrefix(text[line], want) {
			t.Errorf("line %d is %q, not %q", line, text[line], want)
		}
	}
	// The record that forty profiles are made from is named by the one that was asked about.
	if r := m.Run(t, "status", "team10"); !strings.HasPrefix(r.Stdout, "team10\n") || !strings.Contains(r.Stdout, "\nthe session of team10 and 39 more\n") {
		t.Errorf("%q", r.Stdout)
	}
	if r := m.Run(t, "status", "--long"); !strings.Contains(r.Stdout, "\nthe session of team1 and 39 more\n") && !strings.HasPrefix(r.Stdout, "the session of team1 and 39 more\n") {
		t.Errorf("%q", r.Stdout)
	}
	calls := m.STS.Count("")
	if r := m.Run(t, "status", "--short", "team2"); r.Stdout != "team2 59m59s\n" && r.Stdout != "team2 1h00m\n" && !strings.HasPrefix(r.Stdout, "team2 59m") {
		t.Errorf("%q, %q", r.Stdout, r.Stderr)
	}
	if r := m.Run(t, "status", "--short", "team3"); r.Stdout != "team3 empty\n" || m.STS.Count("") != calls {
		t.Errorf("%q, %q", r.Stdout, r.Stderr)
	}
}

// Colours are for a terminal, and for none that does not want them. --watch goes on until Ctrl-C.
func TestStatusOnATerminal(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	for _, noColor := range []string{"", "1"} {
		m.Env["NO_COLOR"], m.Env["TERM"] = noColor, "xterm"
		tt := harness.NewTerminal(t)
		cmd := m.Command(t, "status", "--watch")
		cmd.Stdout = tt.Line
		j := harness.Start(t, tt, cmd)
		tt.Await("code-needed", 1)
		if coloured := strings.Contains(tt.Screen(), "\x1b[33m"); coloured != (noColor == "") {
			t.Errorf("NO_COLOR=%s: %q", noColor, tt.Screen())
		}
		tt.Type("\x03")
		if r := j.Result(t); r.Code != 130 {
			t.Errorf("exit %d, %q", r.Code, r.Stderr)
		}
	}
}

// On a terminal of 80 by 50, forty profiles and the session behind them fit without a line that breaks, and a profile
// that cannot be read has its line, with its name, among those that need the user.
func TestStatusFitsAScreen(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	var text strings.Builder
	for i := range 39 {
		role := m.STS.AddRole(harness.Account, fmt.Sprintf("a-role-with-a-long-name-%d", i+1))
		fmt.Fprintf(&text, "[profile.team%d]\nsource_profile = \"base\"\nrole_arn = %q\n", i+1, role.ARN)
	}
	text.WriteString("[profile.broken]\nsource_profile = \"gone\"\n")
	harness.Must(t, m.Write(".config/sts-helper/config.toml", text.String()))
	m.Creds(t, m.Run(t, "--profile", "team1", "--mfa-code", m.Code()))
	tt := harness.NewTerminal(t)
	harness.Must(t, pty.Setsize(tt.Line, &pty.Winsize{Rows: 50, Cols: 80}))
	m.Env["TERM"], m.Env["NO_COLOR"] = "xterm", "1"
	cmd := m.Command(t, "status")
	cmd.Stdout, cmd.Stderr = tt.Line, tt.Line
	if r := harness.Start(t, tt, cmd).Result(t); r.Code != 0 {
		t.Errorf("exit %d, %q", r.Code, tt.Screen())
	}
	lines := strings.Split(strings.TrimSuffix(tt.Rest(), "\r\n"), "\r\n")
	if len(lines) != 42 || slices.ContainsFunc(lines, func(l string) bool { return utf8.RuneCountInString(l) > 80 }) {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	if !strings.HasPrefix(lines[1], "broken ") || !strings.Contains(lines[1], "unreadable") {
		t.Errorf("%q", lines[1])
	}
	for i := range 39 {
		if name := fmt.Sprintf("team%d ", i+1); !strings.HasPrefix(lines[i+2], name) {
			t.Errorf("%q, not %s", lines[i+2], name)
		}
	}
	// On a wider one nothing is cut that has room.
	tt = harness.NewTerminal(t)
	harness.Must(t, pty.Setsize(tt.Line, &pty.Winsize{Rows: 50, Cols: 110}))
	harness.Must(t, m.Write(".config/sts-helper/config.toml", strings.Replace(text.String(), "[profile.broken]\nsource_profile = \"gone\"\n", "", 1)))
	cmd = m.Command(t, "status")
	cmd.Stdout, cmd.Stderr = tt.Line, tt.Line
	_ = harness.Start(t, tt, cmd).Result(t)
	if s := tt.Rest(); !strings.Contains(s, "  the user of key "+m.User.AccessKeyID+" ") {
		t.Errorf("cut:\n%s", s)
	}
	harness.Must(t, m.Write(".config/sts-helper/config.toml", text.String()))
	first := profileLines(t, m.World)[0]
	if first.Profile != "broken" || first.State != "unreadable" || !first.NeedsMe || !strings.Contains(first.Detail, `no AWS profile "gone"`) || !strings.Contains(first.Detail, "config.toml:") {
		t.Errorf("%+v", first)
	}
	if r := m.Run(t, "status", "team1"); r.Stderr != "" {
		t.Errorf("about another profile: %q", r.Stderr)
	}
}
