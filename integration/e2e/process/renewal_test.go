package process_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// movingStage is a stage whose time the test moves.
func movingStage(t testing.TB) (*stage, *harness.MovableWorld) {
	t.Helper()
	m := harness.NewMovableWorld(t)
	s := &stage{World: m.World, t: t}
	s.prepare(t)
	return s, m
}

// Every operation's token is refreshed when it is due, from what its source is by then.
func TestOperationsAreRefreshed(t *testing.T) {
	probe, _ := movingStage(t)
	for i, o := range probe.operations() {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			s, m := movingStage(t)
			o = s.operations()[i]
			args := o.settings.with("duration", "1h").flags()
			early, late := harness.Fresh, harness.Due
			if o.op == "AssumeRoot" { // a quarter of an hour at most
				args = o.settings.flags()
				early, late = 8*time.Minute, 12*time.Minute
			}
			if o.name == "role of an AWS profile" {
				args = o.settings.flags()
			}
			first := m.Creds(t, m.Run(t, args...))
			m.At(t, early)
			if d := m.Parse(t, m.Run(t, args...).Stdout); d != first {
				t.Error("a fresh token was replaced")
			}
			m.At(t, late)
			s.identityToken(t, "pod-1", time.Hour) // those of the beginning would not do any more
			s.assertion(t, 0)
			second := m.Parse(t, m.Run(t, args...).Stdout)
			if second.AccessKeyId == first.AccessKeyId {
				t.Error("a token that is due was not replaced")
			}
			if id, _ := s.STS.Lookup(second.AccessKeyId); id.ARN != o.arn {
				t.Errorf("the new token is that of %s, want %s", id.ARN, o.arn)
			}
			m.At(t, 0)
		})
	}
}

// The token file is read again at each refresh; while that is no use the old token serves.
func TestIdentityTokenIsReadAgain(t *testing.T) {
	s, m := movingStage(t)
	args := []string{"--role-arn", "arn:aws:iam::" + harness.Account + ":role/web", "--web-identity-token-file", s.path("token")}
	s.identityToken(t, "pod-1", 10*time.Minute)
	first := m.Creds(t, m.Run(t, args...))
	m.At(t, harness.Due) // the identity token has expired, and was not replaced yet
	if r := m.Run(t, args...); m.Parse(t, r.Stdout) != first || r.Stderr != "" {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	m.At(t, harness.Pressing)
	s.identityToken(t, "pod-1", 10*time.Minute)
	second := m.Parse(t, m.Run(t, args...).Stdout)
	if second.AccessKeyId == first.AccessKeyId {
		t.Error("the new identity token was not used")
	}
	// Another subject under the same name is another token, at once.
	s.identityToken(t, "pod-2", 10*time.Minute)
	third := m.Parse(t, m.Run(t, args...).Stdout)
	if id, _ := s.STS.Lookup(third.AccessKeyId); id.Subject != "pod-2" {
		t.Errorf("the token of %q for pod-2", id.Subject)
	}
	s.identityToken(t, "pod-1", 10*time.Minute)
	if back := m.Parse(t, m.Run(t, args...).Stdout); back != second {
		t.Error("pod-1's token was not found again")
	}
	m.At(t, 2*time.Hour)
	if r := m.Run(t, args...); r.Code != harness.ExitSource || !strings.Contains(r.Stderr, "ExpiredTokenException") {
		t.Errorf("with an expired identity token: exit %d, %q", r.Code, r.Stderr)
	}
}

// A role whose session was revoked is assumed once more, from the bottom of the chain.
func TestRevokedBase(t *testing.T) {
	s := newStage(t)
	spoke := func(name string) []string {
		return []string{"--source-profile", "hub", "--role-arn", "arn:aws:iam::" + partner + ":role/spoke", "--role-session-name", name}
	}
	d := s.Creds(t, s.Run(t, spoke("one")...))
	hub, _ := s.STS.Lookup(d.AccessKeyId)
	s.STS.DeleteKey(hub.IssuedTo)
	s.STS.ResetCounts()
	d = s.Creds(t, s.Run(t, spoke("two")...))
	if id, _ := s.STS.Lookup(d.AccessKeyId); id.RoleSessionName != "two" || id.IssuedTo == hub.IssuedTo {
		t.Errorf("%+v", id)
	}
	if n := s.STS.Count("AssumeRole"); n != 3 {
		t.Errorf("%d calls, want the one refused, one for the hub and one more", n)
	}

	// Where the new one is refused as well there is no third try.
	d = s.Creds(t, s.Run(t, spoke("three")...))
	hub, _ = s.STS.Lookup(d.AccessKeyId)
	s.STS.DeleteKey(hub.IssuedTo)
	s.STS.Fault(emulator.Fault{Kind: emulator.Refuse, Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid.", Status: 403})
	s.STS.ResetCounts()
	r := s.Run(t, spoke("four")...)
	if r.Code != harness.ExitSource || strings.Count(r.Stderr, "\n") != 1 {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	if n := s.STS.Count(""); n > 3 {
		t.Errorf("%d calls", n)
	}
}
