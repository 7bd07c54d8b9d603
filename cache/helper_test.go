package cache_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/token"
)

// open opens a new cache.
func open(t testing.TB) *cache.Cache {
	t.Helper()
	c, err := cache.Open(filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// key is the key of an identity with that name.
func key(name string) cache.Key {
	return cache.NewKey(cache.Present("operation", "GetSessionToken"), cache.Present("who", name), cache.Absent("mfa_serial"))
}

// stamp is the access key id of the nth token of k: whose a token is can be read from it.
func stamp(k cache.Key, n int) string {
	return "ASIA" + strings.ToUpper(k.String()[:12]) + fmt.Sprintf("%04X", n)
}

// tok is the nth token of k, with life left.
func tok(k cache.Key, n int, life time.Duration) token.Token {
	size, used := int32(7), int32(300)
	return token.Token{
		Operation: token.AssumeRole,
		Credentials: token.Credentials{
			AccessKeyID:     stamp(k, n),
			SecretAccessKey: "CANARYsecret/" + stamp(k, n),
			SessionToken:    "CANARYsession/" + stamp(k, n) + strings.Repeat("A", 300),
			CanExpire:       true,
			Expires:         time.Now().Round(0).UTC().Add(life).Truncate(time.Second),
			AccountID:       "123456789012",
		},
		PackedPolicySize: &size, SessionTokenSize: &used, SessionTokenUtilization: &size, ScopedPolicies: &size,
		AssumedRole: &token.Principal{ID: "AROAX:dev", ARN: "arn:aws:sts::123456789012:assumed-role/r/dev"},
		Subject:     "<sub>&\u2028\"",
	}
}

// classified is an error that says how it is to be shared.
type classified struct {
	text           string
	final, private bool
	busy           bool
}

func (e classified) Error() string        { return e.text }
func (e classified) FailureKind() string  { return "kind of " + e.text }
func (e classified) FailureFinal() bool   { return e.final }
func (e classified) FailureBusy() bool    { return e.busy }
func (e classified) FailurePrivate() bool { return e.private }

var (
	errAway   = classified{text: "STS is away"}
	errDenied = classified{text: "STS said no", final: true}
	errBusy   = classified{text: "Rate exceeded", busy: true}
	errMine   = classified{text: "it was stopped", private: true}
)

// source is a fake of what gives tokens, for one key.
type source struct {
	key   cache.Key
	life  time.Duration
	err   error
	delay time.Duration
	// operation is that of the tokens; "" for the one of tok.
	operation token.Operation
	calls     atomic.Int32
	// advisory is what the last fetch was given.
	advisory atomic.Bool
}

func (s *source) fetch(ctx context.Context, advisory bool) (token.Token, error) {
	n := s.calls.Add(1)
	s.advisory.Store(advisory)
	if s.delay > 0 {
		select {
		case <-ctx.Done():
			return token.Token{}, context.Cause(ctx)
		case <-time.After(s.delay):
		}
	}
	if s.err != nil {
		return token.Token{}, s.err
	}
	t := tok(s.key, int(n), s.life)
	t.Operation = cmp.Or(s.operation, t.Operation)
	return t, nil
}

func (s *source) want() cache.Want { return cache.Want{Key: s.key, Fetch: s.fetch} }

// newSource gives tokens that live life.
func newSource(name string, life time.Duration) *source {
	return &source{key: key(name), life: life}
}

// never is a fetch that must not happen.
func never(t testing.TB) cache.Fetch {
	return func(context.Context, bool) (token.Token, error) {
		t.Helper()
		t.Error("the source was asked")
		return token.Token{}, errors.New("asked")
	}
}

// mustGet is Get without an error.
func mustGet(t testing.TB, c *cache.Cache, w cache.Want) cache.Answer {
	t.Helper()
	a, err := c.Get(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// expect checks an answer's origin and which token of the key it is.
func expect(t testing.TB, a cache.Answer, origin cache.Origin, id string) {
	t.Helper()
	if a.Origin != origin || a.Token.Credentials.AccessKeyID != id {
		t.Fatalf("got %s %s (%v), want %s %s", a.Origin, a.Token.Credentials.AccessKeyID, a.Warnings, origin, id)
	}
}

// missOf checks that err is a miss with a reason, and gives it.
func missOf(t testing.TB, err error) *cache.Miss {
	t.Helper()
	var m *cache.Miss
	if !errors.As(err, &m) || !errors.Is(err, cache.ErrMiss) || m.Reason == "" {
		t.Fatalf("err = %v, want a miss with a reason", err)
	}
	if strings.Contains(err.Error(), "CANARY") {
		t.Fatalf("the miss has a secret: %v", err)
	}
	return m
}

// heals checks that whatever is on disk for s.key is not believed, that the next Get brings
// a new token, and that the one after is a hit.
func heals(t testing.TB, c *cache.Cache, s *source) {
	t.Helper()
	before := int(s.calls.Load())
	expect(t, mustGet(t, c, s.want()), cache.Fresh, stamp(s.key, before+1))
	expect(t, mustGet(t, c, cache.Want{Key: s.key, Fetch: never(t)}), cache.Hit, stamp(s.key, before+1))
}

// write replaces a file, whatever is there.
func write(t testing.TB, path string, data []byte) {
	t.Helper()
	_ = os.RemoveAll(path)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
