package source_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// Where the source's credentials are temporary and nothing more is asked for, they are the answer:
// by credential_process, and on both endpoints.
func TestSourceItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.process(t, "vault", "cat ~/bob.json")
	w.signIn(t, "alice")
	w.signInConsole(t, "carol")
	s := w.Serve(t, "--profile", "corp", "--profile", "console", "--profile", "vault", "--imds", "corp")
	for profile, who := range map[string]string{"corp": "alice", "console": "carol", "vault": "bob"} {
		printed := w.Run(t, "--source-profile", profile)
		if got := w.signer(t, printed); got != who || !strings.Contains(printed.Stdout, `"Expiration"`) {
			t.Errorf("%s: got what is %s's", profile, got)
		}
		if id := s.Creds(t, profile); id != w.Creds(t, printed).AccessKeyId {
			t.Errorf("%s: the endpoint has others", profile)
		}
		// What is asked for needs a user's key still, and the message says what else there is.
		r := w.Run(t, "--source-profile", profile, "--mfa-serial", "GAHT12345678", "--mfa-code", "246810")
		if r.Code != harness.ExitSource || !strings.Contains(r.Stderr, "long-term access key") || !strings.Contains(r.Stderr, "leave out what asks for a session") || !strings.Contains(r.Stderr, "--role-arn") {
			t.Errorf("exit %d, %q", r.Code, r.Stderr)
		}
	}
	session := s.Session(t)
	role := s.Metadata(t, session, harness.RolePath).Body
	if got := s.Metadata(t, session, harness.RolePath+role).Document(t).AccessKeyId; got != w.Creds(t, w.Run(t, "--source-profile", "corp")).AccessKeyId {
		t.Errorf("the metadata service has %s", got)
	}
	if n := w.STS.Count("GetRoleCredentials"); n != 1 {
		t.Errorf("the portal was asked %d times", n)
	}
	if n := w.ran(t); n != 1 {
		t.Errorf("the command ran %d times", n)
	}
	if n := w.STS.Count("GetCallerIdentity"); n != 0 { // nothing was made of them
		t.Errorf("who they are was asked %d times", n)
	}
}

// Credentials that no program can use are an error about their source, and each call gets the same: those that are kept,
// those that cannot be, and those that are refused.
func TestOddCredentialsOfACommand(t *testing.T) {
	w := newWorld(t)
	w.process(t, "vault", "cat ~/$DOC.json")
	const key, secret, session, end = `"Version":1,"AccessKeyId":"ASIACANARYPROC000001"`, `,"SecretAccessKey":"CANARYs3"`, `,"SessionToken":"CANARYt"`, `,"Expiration":"2099-01-01T00:00:00Z"`
	for name, tc := range map[string]struct{ doc, says string }{
		"account":             {key + secret + session + end + `,"AccountId":"12"`, "the account id is not twelve digits"},
		"no token":            {key + secret + end, "a temporary access key without its session token"},
		"empty token":         {key + secret + end + `,"SessionToken":""`, "a temporary access key without its session token"},
		"blank in the token":  {key + secret + end + `,"SessionToken":"CANARY t"`, "the session token has characters that none has"},
		"line end":            {key + `,"SecretAccessKey":"CANARYs3\n"` + session + end, "the secret access key has characters that none has"},
		"long token":          {key + secret + end + `,"SessionToken":"` + strings.Repeat("x", 40_000) + `"`, "the session token has"},
		"after the year 9999": {key + secret + session + `,"Expiration":"9999-12-31T23:59:59-23:00"`, "Expiration is not an RFC 3339 time"},
		"key of another kind": {`"Version":1,"AccessKeyId":"not-of-aws"` + secret + session + end, ""},
		"usual":               {key + secret + session + end, ""},
	} {
		doc := strings.ReplaceAll(name, " ", "-")
		harness.Must(t, w.Write(doc+".json", "{"+tc.doc+"}"))
		for i := range 3 {
			r := w.run(t, []string{"DOC=" + doc}, "--source-profile", "vault")
			if tc.says == "" && (r.Code != 0 || !strings.Contains(r.Stdout, `"Expiration":"2099-01-01T00:00:00Z"`)) ||
				tc.says != "" && (r.Code != harness.ExitSource || r.Stdout != "" || !strings.Contains(r.Stderr, `"vault"`) || !strings.Contains(r.Stderr, tc.says)) {
				t.Errorf("%s, call %d: exit %d, %q, %q", name, i, r.Code, r.Stdout, r.Stderr)
			}
		}
	}
}

// Temporary credentials without an end: printed as they come, refused by endpoints, and good to
// make something of, for which they are looked at again after 15 minutes.
func TestSourceWithoutAnEnd(t *testing.T) {
	t.Parallel()
	m := harness.NewMovableWorld(t)
	w := worldOf(t, m.World)
	w.process(t, "vault", "cat ~/bob.json")
	w.expiring(t, "bob", "")
	for n := 1; n <= 2; n++ {
		r := w.Run(t, "--source-profile", "vault")
		var d harness.Document
		harness.Must(t, json.Unmarshal([]byte(r.Stdout), &d))
		if got := w.signerOf(t, d.AccessKeyId); got != "bob" || strings.Contains(r.Stdout, "Expiration") || w.ran(t) != n {
			t.Errorf("call %d: %s's, %q, %d runs", n, got, r.Stderr, w.ran(t))
		}
	}
	s := w.Serve(t, "--profile", "vault")
	if a := s.Container(t, "vault"); a.Status != 503 {
		t.Errorf("the endpoint answers %d", a.Status)
	}
	harness.Await(t, "the reason", func() bool { return strings.Contains(s.Log.String(), "do not say when they end") })
	s.Stop(t)
	before := w.ran(t)
	for _, at := range []time.Duration{0, 10 * time.Minute, 16 * time.Minute} {
		m.At(t, at)
		if got := w.signer(t, w.Run(t, w.role("vault")...)); got != "bob" {
			t.Errorf("got what %s signed", got)
		}
		want := before
		if at > 15*time.Minute {
			want++
		}
		if n := w.ran(t); n != want {
			t.Errorf("after %s the command ran %d times, want %d", at, n, want)
		}
	}
}

// A server gives no user what was made for another: after a switched login or another content of a
// file soon, after a logout nothing.
func TestServeSwitched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.process(t, "vault", "cat ~/now.json")
	be := func(who string) {
		b, err := os.ReadFile(filepath.Join(w.Dir, who+".json"))
		harness.Must(t, err)
		harness.WritePrivate(t, filepath.Join(w.Dir, "now.json"), b)
	}
	be("alice")
	w.signIn(t, "alice")
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.app]\nsource_profile = \"corp\"\nrole_arn = \""+w.app+"\"\n"+
		"[profile.app-vault]\nsource_profile = \"vault\"\nrole_arn = \""+w.app+"\"\n"))
	s := w.Serve(t, "--profile", "corp", "--profile", "app", "--profile", "vault", "--profile", "app-vault")
	is := func(who string, profiles ...string) {
		t.Helper()
		for _, p := range profiles {
			harness.Await(t, p+" to be "+who+"'s", func() bool {
				a := s.Container(t, p)
				return a.Status == 200 && w.signerOf(t, a.Document(t).AccessKeyId) == who
			})
		}
	}
	is("alice", "corp", "app", "vault", "app-vault")
	be("bob")
	is("bob", "vault", "app-vault")
	w.signIn(t, "bob")
	is("bob", "corp", "app")
	harness.Must(t, os.Remove(w.sso))
	for _, p := range []string{"corp", "app"} {
		harness.Await(t, p+" to be logged out", func() bool { return s.Container(t, p).Status == 400 })
	}
	w.signIn(t, "alice")
	is("alice", "corp", "app")
}

// A failure is forgotten once what it came from has changed, and says otherwise that it is remembered.
func TestFailureForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// A wrong secret, corrected.
	keys, err := os.ReadFile(filepath.Join(w.Dir, ".aws/credentials"))
	harness.Must(t, err)
	harness.Must(t, w.Write(".aws/credentials", strings.Replace(string(keys), w.User.SecretAccessKey, "CANARYwrong", 1)))
	if r := w.Run(t, w.role("base")...); r.Code != harness.ExitSource {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	calls := w.STS.Count("")
	if r := w.Run(t, w.role("base")...); r.Code != harness.ExitSource || !strings.Contains(r.Stderr, "tried ") || !strings.Contains(r.Stderr, " ago: ") {
		if w.STS.Count("") == calls { // else it took so long that it was tried again
			t.Errorf("exit %d, %q", r.Code, r.Stderr)
		}
	}
	harness.Must(t, w.Write(".aws/credentials", string(keys)))
	w.Creds(t, w.Run(t, w.role("base")...))
	// A login.
	if r := w.Run(t, w.role("corp")...); r.Code != harness.ExitInteraction {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	w.signIn(t, "bob")
	if got := w.signer(t, w.Run(t, w.role("corp")...)); got != "bob" {
		t.Errorf("got what %s signed", got)
	}
	// A proxy.
	w.STS.Fault(emulator.Fault{Kind: emulator.InternalFailure})
	args := w.role("base", "--role-session-name", "proxy")
	if r := w.Run(t, args...); r.Code != harness.ExitUnreachable {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	w.STS.ClearFaults()
	w.Creds(t, w.run(t, []string{"NO_PROXY=127.0.0.1"}, args...))
}
