package source_test

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// jwt are the claims of a printed web identity token.
func jwt(t *testing.T, r harness.Result) (claims struct {
	Sub, Iss string
	Aud      any
	Exp, Iat int64
	JTI      string
	AWS      map[string]any `json:"https://sts.amazonaws.com/"`
}) {
	t.Helper()
	parts := strings.Split(strings.TrimSpace(r.Stdout), ".")
	if r.Code != 0 || r.Stderr != "" || len(parts) != 3 || strings.Count(r.Stdout, "\n") != 1 {
		t.Fatalf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	harness.Must(t, err)
	harness.Must(t, json.Unmarshal(payload, &claims))
	return claims
}

// A web identity token says who has the credentials of a profile, whatever they come from; it is kept and
// renewed like them, one for each audience.
func TestWebIdentity(t *testing.T) {
	t.Parallel()
	m := harness.NewMovableWorld(t)
	w := worldOf(t, m.World)
	const audience = "https://example.com"
	off := w.Run(t, "web-identity", "--source-profile", "base", "--audience", audience)
	if off.Code != harness.ExitDenied || !strings.Contains(off.Stderr, "aws iam enable-outbound-web-identity-federation") {
		t.Errorf("exit %d, %q", off.Code, off.Stderr)
	}
	w.STS.SetAccount(emulator.Account{ID: harness.Account, OutboundFederation: true})
	w.process(t, "vault", "cat ~/bob.json")
	w.signIn(t, "alice")
	device := w.STS.AddMFADevice(w.User, "alice")
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.app]\nsource_profile = \"base\"\nrole_arn = \""+w.app+"\"\nallow = [\"sts:*\"]\n"+
		"[profile.with-mfa]\nsource_profile = \"base\"\nmfa_serial = \""+device.SerialNumber+"\"\n"))
	ask := func(args ...string) []string {
		return append([]string{"web-identity", "--audience", audience}, args...)
	}
	for name, tt := range map[string]struct {
		args []string
		sub  string
	}{
		"Identity Center": {ask("--source-profile", "corp"), ""},
		"process":         {ask("--source-profile", "vault"), "arn:aws:iam::" + harness.Account + ":role/team"},
		"role":            {ask("app"), w.app},
		"narrowed":        {ask("--source-profile", "vault", "--allow", "sts:*"), "arn:aws:iam::" + harness.Account + ":role/team"},
		"keys":            {ask("--source-profile", "base"), w.User.ARN},
		"keys with MFA":   {ask("with-mfa"), w.User.ARN},
	} {
		t.Run(name, func(t *testing.T) {
			first := jwt(t, w.Run(t, tt.args...))
			if tt.sub != "" && first.Sub != tt.sub || tt.sub == "" && !strings.Contains(first.Sub, ":role/") || first.Aud != audience || first.Exp-first.Iat != 300 {
				t.Errorf("%+v", first)
			}
			calls := w.STS.Count("")
			if again := jwt(t, w.Run(t, tt.args...)); again.JTI != first.JTI {
				t.Error("another token")
			}
			if n := w.STS.Count("") - calls; n != 0 {
				t.Errorf("%d requests for what is kept", n)
			}
			other := jwt(t, w.Run(t, append(tt.args, "--audience", "https://other.example", "--duration", "1h", "--tag", "Team=ops", "--signing-algorithm", "ES384")...))
			if list, _ := other.Aud.([]any); len(list) != 2 || other.Exp-other.Iat > 3600 || other.Exp-other.Iat < 3500 && tt.sub == w.User.ARN || other.AWS["request_tags"] == nil {
				t.Errorf("%+v", other)
			}
		})
	}
	// Renewed near its end, and kept while AWS is away.
	old := jwt(t, w.Run(t, ask("--source-profile", "base")...))
	m.At(t, 4*time.Minute)
	if renewed := jwt(t, w.Run(t, ask("--source-profile", "base")...)); renewed.JTI == old.JTI {
		t.Error("not renewed with a minute left")
	}
	w.STS.Fault(emulator.Fault{Kind: emulator.InternalFailure})
	m.At(t, 7*time.Minute)
	if kept := w.Run(t, ask("--source-profile", "base")...); kept.Code != 0 {
		t.Errorf("not kept: %q", kept.Stderr)
	}
	w.STS.ClearFaults()
	// What cannot ask.
	for _, args := range [][]string{ask("--source-profile", "base", "--allow", "s3:*"), {"web-identity", "--source-profile", "base"}, ask("--source-profile", "base", "--signing-algorithm", "HS256"),
		ask("--source-profile", "base", "--duration", "2h"), ask("--source-profile", "base", "--tag", "x")} {
		if r := w.Run(t, args...); r.Code == 0 || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 {
			t.Errorf("%q: exit %d, %q, %q", args, r.Code, r.Stdout, r.Stderr)
		}
	}
	// Another user gets another token.
	alice := jwt(t, w.Run(t, ask("--source-profile", "corp")...))
	w.signIn(t, "bob")
	if bob := jwt(t, w.Run(t, ask("--source-profile", "corp")...)); bob.JTI == alice.JTI {
		t.Error("bob gets the token of alice")
	}
	if r := w.Run(t, "status", "--output", "json"); strings.Contains(r.Stdout+r.Stderr, harness.Canary) {
		t.Errorf("status shows a token: %s", r.Stdout)
	}
}

// An agent's token lives no longer than its credentials may.
func TestWebIdentityOfAnAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.STS.SetAccount(emulator.Account{ID: harness.Account, OutboundFederation: true})
	w.signIn(t, "alice")
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[agent]\nduration = \"10m\"\n"))
	for _, profile := range []string{"base", "corp"} {
		for env, tt := range map[string]struct{ asked, least, most int64 }{"": {3600, 3500, 3600}, "CLAUDECODE=1": {3600, 500, 600}, "CI=1": {300, 300, 300}} {
			r := w.run(t, []string{env}, "web-identity", "--source-profile", profile, "--audience", "https://example.com", "--duration", strconv.FormatInt(tt.asked, 10))
			if claims := jwt(t, r); claims.Exp-claims.Iat > tt.most || claims.Exp-claims.Iat < tt.least {
				t.Errorf("%s with %q: %ds", profile, env, claims.Exp-claims.Iat)
			}
		}
	}
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[agent]\nduration = \"30s\"\n"))
	if r := w.run(t, []string{"CLAUDECODE=1"}, "web-identity", "--source-profile", "base", "--audience", "https://example.com"); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "agents") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
}

// One process of a crowd asks for the token.
func TestWebIdentityOfACrowd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.STS.SetAccount(emulator.Account{ID: harness.Account, OutboundFederation: true})
	w.signIn(t, "alice")
	ids := map[string]bool{}
	for _, r := range w.RunTogether(t, crowd(), nil, "web-identity", "--source-profile", "corp", "--audience", "https://example.com") {
		ids[jwt(t, r).JTI] = true
	}
	if n := w.STS.Count("GetWebIdentityToken"); n != 1 || len(ids) != 1 {
		t.Errorf("%d requests, %d tokens", n, len(ids))
	}
}
