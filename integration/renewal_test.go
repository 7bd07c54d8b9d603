package integration_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// movingStage is a stage whose time the test moves.
func movingStage(t testing.TB) (*stage, *timeMachine) {
	t.Helper()
	m := newTimeMachine(t)
	s := &stage{world: m.world, t: t}
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
			early, late := fresh, due
			if o.op == "AssumeRoot" { // a quarter of an hour at most
				args = o.settings.flags()
				early, late = 8*time.Minute, 12*time.Minute
			}
			if o.name == "role of an AWS profile" {
				args = o.settings.flags()
			}
			first := m.creds(t, m.run(t, args...))
			m.at(t, early)
			if d := m.parse(t, m.run(t, args...).Stdout); d != first {
				t.Error("a fresh token was replaced")
			}
			m.at(t, late)
			s.identityToken(t, "pod-1", time.Hour) // those of the beginning would not do any more
			s.assertion(t, 0)
			second := m.parse(t, m.run(t, args...).Stdout)
			if second.AccessKeyId == first.AccessKeyId {
				t.Error("a token that is due was not replaced")
			}
			if id, _ := s.sts.Lookup(second.AccessKeyId); id.ARN != o.arn {
				t.Errorf("the new token is that of %s, want %s", id.ARN, o.arn)
			}
			m.at(t, 0)
		})
	}
}

// The token file is read again at each refresh; while that is no use the old token serves.
func TestIdentityTokenIsReadAgain(t *testing.T) {
	s, m := movingStage(t)
	args := []string{"--role-arn", "arn:aws:iam::" + account + ":role/web", "--web-identity-token-file", s.path("token")}
	s.identityToken(t, "pod-1", 10*time.Minute)
	first := m.creds(t, m.run(t, args...))
	m.at(t, due) // the identity token has expired, and nobody has replaced it yet
	if r := m.run(t, args...); m.parse(t, r.Stdout) != first || r.Stderr != "" {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	m.at(t, pressing)
	s.identityToken(t, "pod-1", 10*time.Minute)
	second := m.parse(t, m.run(t, args...).Stdout)
	if second.AccessKeyId == first.AccessKeyId {
		t.Error("the new identity token was not used")
	}
	// Another subject under the same name is another token, at once.
	s.identityToken(t, "pod-2", 10*time.Minute)
	third := m.parse(t, m.run(t, args...).Stdout)
	if id, _ := s.sts.Lookup(third.AccessKeyId); id.Subject != "pod-2" {
		t.Errorf("the token of %q for pod-2", id.Subject)
	}
	s.identityToken(t, "pod-1", 10*time.Minute)
	if back := m.parse(t, m.run(t, args...).Stdout); back != second {
		t.Error("pod-1's token was not found again")
	}
	m.at(t, 2*time.Hour)
	if r := m.run(t, args...); r.Code != exitSource || !strings.Contains(r.Stderr, "ExpiredTokenException") {
		t.Errorf("with an expired identity token: exit %d, %q", r.Code, r.Stderr)
	}
}

// A role whose session was revoked is assumed once more, from the bottom of the chain.
func TestRevokedBase(t *testing.T) {
	s := newStage(t)
	spoke := func(name string) []string {
		return []string{"--source-profile", "hub", "--role-arn", "arn:aws:iam::" + partner + ":role/spoke", "--role-session-name", name}
	}
	d := s.creds(t, s.run(t, spoke("one")...))
	hub, _ := s.sts.Lookup(d.AccessKeyId)
	s.sts.DeleteKey(hub.IssuedTo)
	s.sts.ResetCounts()
	d = s.creds(t, s.run(t, spoke("two")...))
	if id, _ := s.sts.Lookup(d.AccessKeyId); id.RoleSessionName != "two" || id.IssuedTo == hub.IssuedTo {
		t.Errorf("%+v", id)
	}
	if n := s.sts.Count("AssumeRole"); n != 3 {
		t.Errorf("%d calls, want the one refused, one for the hub and one more", n)
	}

	// Where the new one is refused as well there is no third try.
	d = s.creds(t, s.run(t, spoke("three")...))
	hub, _ = s.sts.Lookup(d.AccessKeyId)
	s.sts.DeleteKey(hub.IssuedTo)
	s.sts.Fault(emulator.Fault{Kind: emulator.Refuse, Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid.", Status: 403})
	s.sts.ResetCounts()
	r := s.run(t, spoke("four")...)
	if r.Code != exitSource || strings.Count(r.Stderr, "\n") != 1 {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	if n := s.sts.Count(""); n > 3 {
		t.Errorf("%d calls", n)
	}
}
