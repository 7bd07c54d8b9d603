package broker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/envelope"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/source"
	"github.com/sts-helper/sts-helper/token"
)

// world is a home with an access key in profile "base", and an STS.
type world struct {
	env settings.Environment
	sts *emulator.Emulator
	dir string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	env, sts, remove, err := home()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	return &world{env, sts, filepath.Dir(env.Getenv("STS_HELPER_CACHE_DIR"))}
}

// provider is what flags like "source-profile=base" ask for.
func (w *world) provider(t testing.TB, flags ...string) (*broker.Provider, error) {
	t.Helper()
	given := settings.Flags{}
	for _, f := range flags {
		name, value, _ := strings.Cut(f, "=")
		given.Set(name, value)
	}
	req, err := settings.Load(given, w.env)
	if err != nil {
		t.Fatal(err)
	}
	return broker.New(req, broker.Options{Env: w.env})
}

func (w *world) token(t testing.TB, flags ...string) (cache.Answer, error) {
	t.Helper()
	p, err := w.provider(t, flags...)
	if err != nil {
		t.Fatal(err)
	}
	return p.Token(t.Context())
}

// Each error has the class of the one who must act, is one line, and holds no secret.
func TestClasses(t *testing.T) {
	refuse := func(code string) emulator.Fault {
		return emulator.Fault{Kind: emulator.Refuse, Code: code, Message: "no", Status: 403}
	}
	for _, tc := range []struct {
		fault emulator.Fault
		flags []string
		want  failure.Class
	}{
		{emulator.Fault{Kind: emulator.Deny}, nil, failure.Denied},
		{refuse("ValidationError"), nil, failure.Denied},
		{refuse("InvalidClientTokenId"), nil, failure.Source},
		{refuse("ExpiredToken"), nil, failure.Source},
		{refuse("SignatureDoesNotMatch"), nil, failure.Source},
		{emulator.Fault{Kind: "500"}, nil, failure.Unreachable},
		{emulator.Fault{Kind: "empty"}, nil, failure.Unreachable},
		{emulator.Fault{}, []string{"endpoint-url=http://127.0.0.1:9"}, failure.Unreachable},
		{emulator.Fault{}, []string{"federation-name=a b", "allow=ec2:*"}, failure.Configuration},
		{emulator.Fault{}, []string{"role-arn=arn:aws:iam::111122223333:role/none"}, failure.Denied},
		{emulator.Fault{}, []string{"mfa-serial=arn:aws:iam::111122223333:mfa/alice", "prompt=never"}, failure.InteractionRequired},
	} {
		w := newWorld(t)
		if tc.fault.Kind != "" {
			w.sts.Fault(tc.fault)
		}
		_, err := w.token(t, append(tc.flags, "source-profile=base")...)
		if got := failure.ClassOf(err); got != tc.want {
			t.Errorf("%+v %q: class %q, want %q: %v", tc.fault, tc.flags, got, tc.want, err)
		}
		if err == nil || strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%+v: %v", tc.fault, err)
		}
		// Another process that gets the same failure from the cache sees the same class.
		if _, again := w.token(t, append(tc.flags, "source-profile=base")...); failure.ClassOf(again) != tc.want {
			t.Errorf("%+v: the second time the class is %q: %v", tc.fault, failure.ClassOf(again), again)
		}
	}
}

func TestClassesOfOtherErrors(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want failure.Class
	}{
		{fmt.Errorf("x: %w", cache.ErrUnsafe), failure.Configuration},
		{fmt.Errorf("x: %w", &cache.HeldError{}), failure.Locked},
		{&cache.Failure{Kind: string(failure.Denied)}, failure.Denied},
		{fmt.Errorf("x: %w", context.Canceled), failure.Stopped},
		{context.DeadlineExceeded, failure.Stopped},
		{errors.New("x"), failure.Internal},
	} {
		if got := failure.ClassOf(tc.err); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.err, got, tc.want)
		}
	}
}

// A directory that others may enter is refused, and so is being without one where it is needed.
func TestUnsafeCache(t *testing.T) {
	w := newWorld(t)
	if err := os.MkdirAll(filepath.Join(w.dir, "open"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(w.dir, "open"), 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := w.token(t, "source-profile=base", "cache-dir="+filepath.Join(w.dir, "open"))
	if failure.ClassOf(err) != failure.Configuration || !errors.Is(err, cache.ErrUnsafe) || w.sts.Count("") != 0 {
		t.Errorf("%v, %d calls", err, w.sts.Count(""))
	}
}

func TestWithoutCache(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		a, err := w.token(t, "source-profile=base", "no-cache=true")
		if err != nil || a.Origin != cache.Fresh {
			t.Fatal(a.Origin, err)
		}
	}
	if _, err := os.Stat(filepath.Join(w.dir, "cache")); w.sts.Count("GetSessionToken") != 2 || err == nil {
		t.Errorf("%d calls, cache: %v", w.sts.Count("GetSessionToken"), err)
	}
	// A cache that cannot be is no error, but for a token that is nowhere else.
	file := filepath.Join(w.dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := w.token(t, "source-profile=base", "cache-dir="+filepath.Join(file, "cache"))
	if err != nil || len(a.Warnings) != 1 {
		t.Errorf("%v, %v", a.Warnings, err)
	}
	for _, flags := range [][]string{{"granted=x", "no-cache=true"}, {"granted=x", "cache-dir=" + filepath.Join(file, "cache")}, {"granted=x"}} {
		if _, err := w.token(t, flags...); failure.ClassOf(err) != failure.Configuration {
			t.Errorf("%q: %v", flags, err)
		}
	}
}

// An accepted token serves to its end, and then says whom to ask.
func TestGranted(t *testing.T) {
	w := newWorld(t)
	c, err := cache.Open(w.env.Getenv("STS_HELPER_CACHE_DIR"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	store := func(name string, life time.Duration) {
		if err := c.StoreNoted(request.GrantedKey(name), token.Token{Operation: token.GetFederationToken, Credentials: token.Credentials{
			AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "CANARY", SessionToken: "CANARY", CanExpire: true, Expires: time.Now().Add(life),
		}}, "alice@example.com"); err != nil {
			t.Fatal(err)
		}
	}
	store("guest", 20*time.Minute) // within every refresh window of a longer token
	a, err := w.token(t, "granted=guest")
	if err != nil || a.Token.Credentials.AccessKeyID != "ASIAIOSFODNN7EXAMPLE" {
		t.Fatal(err)
	}
	store("short", cache.HardFloor-time.Second)
	_, err = w.token(t, "granted=short")
	if failure.ClassOf(err) != failure.InteractionRequired || !strings.Contains(err.Error(), "ask alice@example.com for another") {
		t.Errorf("%v", err)
	}
	// After a reboot with a clock that is back the token is not lost, and the clock is to blame.
	file := filepath.Join(c.Path(), record.VersionDir, request.GrantedKey("guest").String()+record.Ext)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, _ := envelope.Decode(data)
	r.Issued = record.Moment{Wall: r.Issued.Wall.Add(time.Hour), BootID: "another boot"}
	r.Expires = r.Expires.Add(time.Hour)
	if data, err = envelope.Encode(r); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = w.token(t, "granted=guest")
	if failure.ClassOf(err) != failure.Configuration || !strings.Contains(err.Error(), "; set the clock") {
		t.Errorf("%v", err)
	}
	if w.sts.Count("") != 0 {
		t.Error("STS was asked")
	}
}

// A request that is being answered further up is refused before anything happens, and so is
// a chain that does not end.
func TestChain(t *testing.T) {
	w := newWorld(t)
	p, err := w.provider(t, "source-profile=base")
	if err != nil {
		t.Fatal(err)
	}
	link := p.Key().String()[:16]
	for _, tc := range []struct {
		chain string
		ok    bool
	}{
		{"", true}, {"0123456789abcdef", true}, {link, false}, {"0123456789abcdef," + link, false},
		{strings.Repeat("0123456789abcdef,", 6) + "0123456789abcdef", true}, {strings.Repeat("0123456789abcdef,", 7) + "0123456789abcdef", false},
	} {
		below := *w
		below.env.Getenv = func(name string) string {
			if name == source.ChainVariable {
				return tc.chain
			}
			return w.env.Getenv(name)
		}
		_, err := below.provider(t, "source-profile=base")
		if (err == nil) != tc.ok || err != nil && (failure.ClassOf(err) != failure.Configuration || !strings.Contains(err.Error(), `"base"`)) {
			t.Errorf("%q: %v", tc.chain, err)
		}
	}
}

func TestSizeWarning(t *testing.T) {
	low, high := int32(1), int32(100)
	for percent, want := range map[int32]bool{0: false, 79: false, 80: true, 100: true} {
		for name, tok := range map[string]token.Token{
			"packed alone":        {PackedPolicySize: &percent},
			"utilization alone":   {SessionTokenUtilization: &percent},
			"utilization is more": {SessionTokenUtilization: &percent, PackedPolicySize: &low},
			"utilization is less": {SessionTokenUtilization: &percent, PackedPolicySize: &high},
		} {
			if got := broker.SizeWarning(tok); (got != "") != want {
				t.Errorf("%s, %d %%: %q", name, percent, got)
			}
		}
	}
	if got := broker.SizeWarning(token.Token{}); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}

// A warning says whether old credentials are used, and is safe to show.
func TestWarnings(t *testing.T) {
	why := []error{errors.New("no\nroute")}
	for origin, want := range map[cache.Origin]string{
		cache.Kept:  `refresh failed, using cached credentials: no\x0aroute`,
		cache.Fresh: `no\x0aroute`,
	} {
		if got := broker.Warnings(cache.Answer{Origin: origin, Warnings: why}); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", origin, got)
		}
	}
	if got := broker.Warnings(cache.Answer{Origin: cache.Hit}); got != nil {
		t.Errorf("%q", got)
	}
}
