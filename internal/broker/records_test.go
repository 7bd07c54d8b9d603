package broker_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/token"
)

const (
	device = "mfa-serial=arn:aws:iam::111122223333:mfa/alice"
	deploy = "role-arn=arn:aws:iam::111122223333:role/deploy"
	audit  = "role-arn=arn:aws:iam::111122223333:role/audit"
)

// keep puts a token into p's record that lives for so long.
func keep(t *testing.T, p *broker.Provider, life time.Duration) cache.Key {
	t.Helper()
	c, err := p.Cache()
	if err != nil {
		t.Fatal(err)
	}
	tok := token.Token{Operation: token.Operation(p.Request().Operation), Credentials: token.Credentials{
		AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "CANARY", SessionToken: "CANARY", CanExpire: true, Expires: time.Now().Add(life).Truncate(time.Second),
	}}
	if err := c.Store(p.Key(), tok, false); err != nil {
		t.Fatal(err)
	}
	return p.Key()
}

func (w *world) must(t *testing.T, flags ...string) *broker.Provider {
	t.Helper()
	p, err := w.provider(t, append(flags, "source-profile=base")...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func there(t *testing.T, p *broker.Provider) bool {
	t.Helper()
	c, err := p.Cache()
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Load(p.Key())
	return err == nil
}

// A logout removes what a request has in every region, and the session it is made from; nothing
// of another role, and nothing twice.
func TestLogout(t *testing.T) {
	w := newWorld(t)
	role := w.must(t, deploy, device)
	elsewhere := w.must(t, deploy, device, "region=eu-central-1")
	other := w.must(t, audit, device)
	for _, p := range []*broker.Provider{role, role.Base(), elsewhere, other} {
		keep(t, p, time.Hour)
	}
	var batch broker.LogoutBatch
	removed, err := batch.Logout(role)
	if err != nil {
		t.Fatal(err)
	}
	var names, places []string
	for _, r := range removed {
		if r.Err != nil || r.Entry.Record == nil || r.Renewing != nil || r.Getting != nil {
			t.Errorf("%+v", r)
		}
		names = append(names, r.Entry.Name)
		places = append(places, r.Location)
	}
	for _, p := range []*broker.Provider{role, role.Base(), elsewhere} {
		if !slices.Contains(names, p.Key().String()) || there(t, p) {
			t.Errorf("%s of %s was not removed", p.Request().Operation, p.Request().Region)
		}
	}
	if len(removed) != 3 || !there(t, other) {
		t.Errorf("%d removed, the other role's record is there: %v", len(removed), there(t, other))
	}
	if !slices.ContainsFunc(places, func(s string) bool { return strings.Contains(s, "eu-central-1") }) {
		t.Errorf("places: %q", places)
	}
	// The session is gone; the role that was made from it is still known by it.
	if removed, err := batch.Logout(other); err != nil || len(removed) != 1 || there(t, other) {
		t.Errorf("%d removed, %v", len(removed), err)
	}
	if removed, err := batch.Logout(other); err != nil || len(removed) != 0 {
		t.Errorf("nothing was there: %d, %v", len(removed), err)
	}
}

func TestLogoutAll(t *testing.T) {
	w := newWorld(t)
	role := w.must(t, deploy, device)
	keep(t, role, time.Hour)
	keep(t, role.Base(), time.Minute)
	c, _ := role.Cache()
	entries, renewing, err := broker.LogoutAll(c)
	if err != nil || len(entries) != 2 || renewing != nil || there(t, role) || there(t, role.Base()) {
		t.Errorf("%d entries, %v, %v", len(entries), renewing, err)
	}
}

// What another process is getting is said, and that it may store it again.
func TestLogoutDuringFetch(t *testing.T) {
	if path := os.Getenv("HOLD_LOCK"); path != "" {
		held, err := lock.Acquire(context.Background(), path, lock.Holder{Purpose: "test", Asking: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer held.Release()
		os.Stdout.WriteString("held\n")
		var b [1]byte
		_, _ = os.Stdin.Read(b[:])
		return
	}
	if testing.Short() {
		t.Skip("long: a logout waits for the program that fetches")
	}
	t.Parallel()
	w := newWorld(t)
	p := w.must(t, "duration=1h")
	c, _ := p.Cache()
	cmd := exec.Command(os.Args[0], "-test.run=TestLogoutDuringFetch")
	cmd.Env = append(os.Environ(), "HOLD_LOCK="+filepath.Join(c.Path(), "locks", p.Key().String()+".lock"))
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close(); _ = cmd.Wait() }()
	if _, err := stdout.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if who, ok := p.PromptedElsewhere(); !ok || who.PID != cmd.Process.Pid {
		t.Errorf("asked by %v, %v", who, ok)
	}
	var batch broker.LogoutBatch
	removed, err := batch.Logout(p)
	if err != nil || len(removed) != 1 || removed[0].Getting == nil || removed[0].Getting.PID != cmd.Process.Pid ||
		len(removed[0].Renewing) != 1 || removed[0].Renewing[0].PID != cmd.Process.Pid || removed[0].Err != nil {
		t.Errorf("%+v, %v", removed, err)
	}
}

// A record is refreshed in its advisory window; one that takes a code not before it must be.
func TestRefreshAt(t *testing.T) {
	w := newWorld(t)
	for _, p := range []*broker.Provider{w.must(t), w.must(t, device)} {
		c, _ := p.Cache()
		r, err := c.Load(keep(t, p, 12*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		want := r.Advisory
		if p.Device() != "" {
			want = cache.Mandatory
		}
		if got := r.Token.Credentials.Expires.Sub(broker.RefreshAt(r)); got != want || got == 0 {
			t.Errorf("device %q: %s before the end, want %s", p.Device(), got, want)
		}
	}
}

func TestMadeFrom(t *testing.T) {
	w := newWorld(t)
	role := w.must(t, deploy, device)
	c, _ := role.Cache()
	for _, tc := range []struct {
		path, key string
		own, base bool
	}{
		{c.Path(), role.Key().String(), true, false},
		{c.Path(), role.Base().Key().String(), false, true},
		{c.Path(), w.must(t, audit, device).Key().String(), false, false},
		{"/elsewhere", role.Key().String(), false, false},
	} {
		if own, base := role.MadeFrom(tc.path, tc.key); own != tc.own || base != tc.base {
			t.Errorf("%+v: %v, %v", tc, own, base)
		}
	}
}

// The session at the bottom has the device, and its end is until when no code is needed.
func TestNoCodeUntil(t *testing.T) {
	w := newWorld(t)
	role := w.must(t, deploy, device)
	if _, ok := role.NoCodeUntil(); ok || role.Device() != strings.TrimPrefix(device, "mfa-serial=") {
		t.Errorf("%v without a session, device %q", ok, role.Device())
	}
	keep(t, role.Base(), 3*time.Hour)
	if until, ok := role.NoCodeUntil(); !ok || time.Until(until).Round(time.Minute) != 3*time.Hour {
		t.Errorf("until %s, %v", until, ok)
	}
	plain := w.must(t)
	keep(t, plain, time.Hour)
	if _, ok := plain.NoCodeUntil(); ok || plain.Device() != "" {
		t.Error("a session without a device")
	}
}

// A login batch renews once what several requests share, and what is fresh only by force.
func TestLoginBatch(t *testing.T) {
	w := newWorld(t)
	a, b := w.must(t, "duration=1h"), w.must(t, "duration=1h")
	var batch broker.LoginBatch
	for i, p := range []*broker.Provider{a, b} {
		answer, err := p.Login(t.Context(), &batch, true)
		if err != nil || (answer.Origin == cache.Fresh) != (i == 0) || w.sts.Count("GetSessionToken") != 1 {
			t.Errorf("login %d: %s, %v, %d calls", i, answer.Origin, err, w.sts.Count("GetSessionToken"))
		}
	}
	var again broker.LoginBatch
	if answer, err := a.Login(t.Context(), &again, false); err != nil || answer.Origin != cache.Hit || w.sts.Count("GetSessionToken") != 1 {
		t.Errorf("%s, %v", answer.Origin, err)
	}
	if answer, err := a.Login(t.Context(), &again, true); err != nil || answer.Origin != cache.Fresh || w.sts.Count("GetSessionToken") != 2 {
		t.Errorf("%s, %v", answer.Origin, err)
	}
	if p := w.must(t, device); !p.NeedsCode(&again, false) || a.NeedsCode(&again, true) {
		t.Error("who needs a code")
	}
}

func TestLifetime(t *testing.T) {
	w := newWorld(t)
	for want, flags := range map[time.Duration][]string{
		2 * time.Hour:  {"duration=2h"},
		12 * time.Hour: {},
		time.Hour:      {deploy},
	} {
		if got := w.must(t, flags...).Lifetime(); got != want {
			t.Errorf("%q: %s, want %s", flags, got, want)
		}
	}
	granted, err := w.provider(t, "granted=visitor")
	if err != nil || granted.Lifetime() != 0 {
		t.Errorf("a granted token: %v", err)
	}
}

// What is accepted is found under its name, and is not kept where there is no cache.
func TestAccept(t *testing.T) {
	w := newWorld(t)
	p, err := w.provider(t, "granted=visitor")
	if err != nil {
		t.Fatal(err)
	}
	granted := token.Token{Operation: token.GetFederationToken, Credentials: token.Credentials{
		AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "CANARY", SessionToken: "CANARY", CanExpire: true, Expires: time.Now().Add(time.Hour).Truncate(time.Second),
	}}
	if replaced, err := p.Accept(granted, "alice", false); err != nil || replaced != nil {
		t.Fatal(err)
	}
	if a, err := w.token(t, "granted=visitor"); err != nil || a.Token.Credentials.AccessKeyID != granted.Credentials.AccessKeyID {
		t.Errorf("%v, %v", a.Token, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{{"granted=visitor", "no-cache=true"}, {"granted=visitor", "cache-dir=" + file}} {
		p, err := w.provider(t, flags...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Accept(granted, "", false); failure.ClassOf(err) != failure.Configuration {
			t.Errorf("%q: %v", flags, err)
		}
	}
}

// A token that can still be used is replaced by another one of the same identity from the same
// issuer alone, unless that is asked for.
func TestAcceptReplaces(t *testing.T) {
	const arn = "arn:aws:sts::111122223333:federated-user/"
	alice := token.Principal{ID: "111122223333:guest", ARN: arn + "guest"}
	for _, tc := range []struct {
		name    string
		change  func(t *token.Token, issuer *string)
		life    time.Duration // of the first
		replace bool
		refused string
	}{
		{"a newer one", func(*token.Token, *string) {}, time.Hour, false, ""},
		{"another identity", func(t *token.Token, _ *string) { t.FederatedUser.ARN = arn + "admin" }, time.Hour, false, arn + "admin"},
		{"another account", func(t *token.Token, _ *string) { t.Credentials.AccountID = "999999999999" }, time.Hour, false, "999999999999"},
		{"another issuer", func(_ *token.Token, issuer *string) { *issuer = "mallory" }, time.Hour, false, "mallory"},
		{"no identity", func(t *token.Token, _ *string) { t.FederatedUser = nil }, time.Hour, false, "unknown identity"},
		{"another identity, asked for", func(t *token.Token, _ *string) { t.FederatedUser.ARN = arn + "admin" }, time.Hour, true, ""},
		{"the first has ended", func(t *token.Token, _ *string) { t.FederatedUser.ARN = arn + "admin" }, cache.HardFloor, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			p, err := w.provider(t, "granted=visitor")
			if err != nil {
				t.Fatal(err)
			}
			made := func(id string, life time.Duration) token.Token {
				who := alice
				return token.Token{Operation: token.GetFederationToken, FederatedUser: &who, Credentials: token.Credentials{
					AccessKeyID: id, SecretAccessKey: "CANARY", SessionToken: "CANARY", AccountID: "111122223333", CanExpire: true, Expires: time.Now().Add(life),
				}}
			}
			first, second, issuer := made("ASIAIOSFODNN7EXAMPLE", tc.life), made("ASIASECONDSECOND1234", 2*time.Hour), "alice"
			tc.change(&second, &issuer)
			if _, err := p.Accept(first, "alice", false); err != nil {
				t.Fatal(err)
			}
			replaced, err := p.Accept(second, issuer, tc.replace)
			if tc.refused == "" {
				if err != nil || replaced == nil || replaced.Token.Credentials.AccessKeyID != first.Credentials.AccessKeyID {
					t.Errorf("%v, %v", replaced, err)
				}
				return
			}
			if failure.ClassOf(err) != failure.Configuration || !strings.Contains(err.Error(), tc.refused) || !strings.Contains(err.Error(), "--replace") {
				t.Errorf("%v", err)
			}
			if a, err := w.token(t, "granted=visitor"); err != nil || a.Token.Credentials.AccessKeyID != first.Credentials.AccessKeyID {
				t.Errorf("the first is lost: %v", err)
			}
		})
	}
}
