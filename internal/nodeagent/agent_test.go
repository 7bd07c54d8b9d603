package nodeagent

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/imds"
)

var pod1 = netip.MustParseAddr("10.8.0.1")

// fakeAPI is an API server that takes the tokens it is told to.
type fakeAPI struct {
	calls  atomic.Int64
	mu     sync.Mutex
	answer func(token string) (*reviewStatus, error)
}

func (f *fakeAPI) ask(_ context.Context, token string) (*reviewStatus, error) {
	f.calls.Add(1)
	f.mu.Lock()
	answer := f.answer
	f.mu.Unlock()
	return answer(token)
}

func (f *fakeAPI) set(answer func(string) (*reviewStatus, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// taken is a review of a token that is good.
func taken() *reviewStatus {
	return &reviewStatus{Authenticated: true, Audiences: []string{"sts-helper"}, User: reviewUser{
		Username: "system:serviceaccount:shop:web",
		Extra:    map[string][]string{extraPod: {"web-1"}, extraUID: {"uid"}, extraNode: {"node-1"}},
	}}
}

// jwt is a token, which the fake API server does not read.
func jwt(ends time.Time, id string, audience ...string) string {
	b, _ := json.Marshal(map[string]any{"aud": audience, "exp": ends.Unix(), "jti": id})
	return "e30." + base64.RawURLEncoding.EncodeToString(b) + ".c2ln"
}

// testAgent is an agent with rules.
type testAgent struct {
	*Agent
	Authorize func(ctx context.Context, token string, from netip.Addr) (imds.Pod, *imds.Refusal)
}

func newTest(t *testing.T) (*testAgent, *fakeAPI) {
	t.Helper()
	a, err := New(Config{Host: "192.0.2.1", Port: "443", Audience: "sts-helper", Node: "node-1"})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := ParseRules("shop/web web\n")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeAPI{answer: func(string) (*reviewStatus, error) { return taken(), nil }}
	a.ask = f.ask
	return &testAgent{a, a.Authorizer(rules)}, f
}

// code is how a request ended: "" where the pod gets its profile.
func code(p imds.Pod, no *imds.Refusal) string {
	if no != nil {
		return fmt.Sprint(no.Status, " ", no.Code)
	}
	if p != (imds.Pod{Namespace: "shop", ServiceAccount: "web", Name: "web-1", Profile: "web"}) {
		return fmt.Sprintf("%+v", p)
	}
	return ""
}

// A review is used for a minute at most, from when it was asked for, and not beyond the token's end.
func TestReviewIsReused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, f := newTest(t)
		long, short := jwt(time.Now().Add(time.Hour), "1", "sts-helper"), jwt(time.Now().Add(20*time.Second), "2", "sts-helper")
		start := time.Now()
		for _, step := range []struct {
			at    time.Duration
			token string
			want  string
			calls int64
		}{
			{0, long, "", 1}, {0, short, "", 2}, {10 * time.Second, short, "", 2}, {59 * time.Second, long, "", 2},
			{60 * time.Second, long, "", 3},
			{61 * time.Second, short, "", 4},                          // within the leeway: the API server decides, each time
			{62 * time.Second, short, "", 5},                          //
			{81 * time.Second, short, "400 ExpiredTokenException", 5}, // it does not have to be asked
			{119 * time.Second, long, "", 5}, {121 * time.Second, long, "", 6},
		} {
			time.Sleep(step.at - time.Since(start))
			if got := code(a.Authorize(t.Context(), step.token, pod1)); got != step.want || f.calls.Load() != step.calls {
				t.Errorf("after %v: %q, %d reviews; want %q, %d", step.at, got, f.calls.Load(), step.want, step.calls)
			}
		}
	})
}

// A refusal is used for two seconds; that the API server was away, for half of one. Either way a token that was taken stays so.
func TestRefusalIsShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, f := newTest(t)
		one, two := jwt(time.Now().Add(time.Hour), "1", "sts-helper"), jwt(time.Now().Add(time.Hour), "2", "sts-helper")
		ask := func(token, want string, calls int64) {
			t.Helper()
			if got := code(a.Authorize(t.Context(), token, pod1)); got != want || f.calls.Load() != calls {
				t.Errorf("%q, %d reviews; want %q, %d", got, f.calls.Load(), want, calls)
			}
		}
		ask(one, "", 1)
		f.set(func(string) (*reviewStatus, error) { return &reviewStatus{Error: "no"}, nil })
		ask(two, "400 InvalidTokenException", 2)
		time.Sleep(1900 * time.Millisecond)
		ask(two, "400 InvalidTokenException", 2)
		f.set(func(string) (*reviewStatus, error) { return nil, errors.New("away") })
		time.Sleep(200 * time.Millisecond)
		ask(two, "503 ServiceUnavailableException", 3)
		ask(two, "503 ServiceUnavailableException", 3)
		ask(one, "", 3)
		if a.Ready() {
			t.Error("it is ready while the API server is away")
		}
		f.set(func(string) (*reviewStatus, error) { return taken(), nil })
		time.Sleep(600 * time.Millisecond)
		ask(two, "", 4)
		if !a.Ready() {
			t.Error("it is not ready again")
		}
	})
}

// Requests with one token at once are one review, which goes on when clients give up; a client does not wait longer than
// SDKs do.
func TestReviewsAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, f := newTest(t)
		f.set(func(string) (*reviewStatus, error) { time.Sleep(2 * time.Second); return taken(), nil })
		token := jwt(time.Now().Add(time.Hour), "1", "sts-helper")
		start := time.Now()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if got := code(a.Authorize(t.Context(), token, pod1)); got != "503 ServiceUnavailableException" {
					t.Errorf("a slow review: %q", got)
				}
			})
		}
		wg.Wait()
		if d := time.Since(start); d != clientWait {
			t.Errorf("clients waited for %v", d)
		}
		time.Sleep(2 * time.Second)
		if got := code(a.Authorize(t.Context(), token, pod1)); got != "" || f.calls.Load() != 1 {
			t.Errorf("the next attempt: %q, %d reviews", got, f.calls.Load())
		}
	})
}

// An address that sends token after token that is refused does not keep the API server busy, and others are not in its way.
func TestRefusedTokensAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, f := newTest(t)
		good := jwt(time.Now().Add(time.Hour), "good", "sts-helper")
		f.set(func(token string) (*reviewStatus, error) {
			if token == good {
				return taken(), nil
			}
			return &reviewStatus{}, nil
		})
		if got := code(a.Authorize(t.Context(), good, pod1)); got != "" {
			t.Fatal(got)
		}
		last := ""
		for i := range 1000 {
			last = code(a.Authorize(t.Context(), jwt(time.Now().Add(time.Hour), fmt.Sprint(i), "sts-helper"), pod1))
		}
		if got := f.calls.Load(); got != refusalBurst+1 || last != "429 ThrottlingException" {
			t.Errorf("1000 tokens: %d reviews, the last answer %q", got, last)
		}
		if got := code(a.Authorize(t.Context(), good, pod1)); got != "" {
			t.Errorf("its own good token: %q", got)
		}
		if got := code(a.Authorize(t.Context(), jwt(time.Now().Add(time.Hour), "x", "sts-helper"), netip.MustParseAddr("10.8.0.2"))); got != "400 InvalidTokenException" {
			t.Errorf("another address: %q", got)
		}
		time.Sleep(refusalWindow)
		if got := code(a.Authorize(t.Context(), jwt(time.Now().Add(time.Hour), "y", "sts-helper"), pod1)); got != "400 InvalidTokenException" {
			t.Errorf("later: %q", got)
		}
	})
}

// What is remembered stays within its bound, and holds no token.
func TestKnownIsBounded(t *testing.T) {
	t.Parallel()
	a, _ := newTest(t)
	for i := range maxKnown + 100 {
		if got := code(a.Authorize(t.Context(), jwt(time.Now().Add(time.Hour), fmt.Sprint(i), "sts-helper"), pod1)); got != "" {
			t.Fatal(got)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.known); n > maxKnown {
		t.Errorf("%d reviews are remembered", n)
	}
	if len(a.flights) != 0 {
		t.Errorf("%d reviews are under way", len(a.flights))
	}
}

// Whatever a review says, only a pod on this node gets through.
func TestJudge(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*reviewStatus)
		want   string
	}{
		"good":                    {func(*reviewStatus) {}, ""},
		"not authenticated":       {func(s *reviewStatus) { s.Authenticated = false }, "400 InvalidTokenException"},
		"a user":                  {func(s *reviewStatus) { s.User.Username = "shop:web" }, "400 InvalidTokenException"},
		"a node's user":           {func(s *reviewStatus) { s.User.Username = "system:node:node-1" }, "400 InvalidTokenException"},
		"no account":              {func(s *reviewStatus) { s.User.Username = "system:serviceaccount:shop" }, "400 InvalidTokenException"},
		"one part too many":       {func(s *reviewStatus) { s.User.Username = "system:serviceaccount:shop:web:x" }, "400 InvalidTokenException"},
		"a slash":                 {func(s *reviewStatus) { s.User.Username = "system:serviceaccount:shop/web:web" }, "400 InvalidTokenException"},
		"another node":            {func(s *reviewStatus) { s.User.Extra[extraNode] = []string{"node-2"} }, "403 AccessDeniedException"},
		"two nodes":               {func(s *reviewStatus) { s.User.Extra[extraNode] = []string{"node-1", "node-2"} }, "403 AccessDeniedException"},
		"no node (before 1.30)":   {func(s *reviewStatus) { delete(s.User.Extra, extraNode) }, "403 AccessDeniedException"},
		"bound to a node, no pod": {func(s *reviewStatus) { delete(s.User.Extra, extraPod); delete(s.User.Extra, extraUID) }, "403 AccessDeniedException"},
		"no uid":                  {func(s *reviewStatus) { delete(s.User.Extra, extraUID) }, "403 AccessDeniedException"},
	} {
		s := taken()
		tc.change(s)
		v := judge(s, "node-1")
		v.pod.Profile = "web"
		if got := code(v.pod, v.refusal); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		if says := "Kubernetes 1.30 or later is needed"; (v.refusal != nil && strings.Contains(v.refusal.Message, says)) != (s.User.one(extraNode) == "" && tc.want[:3] == "403") {
			t.Errorf("%s: %+v", name, v.refusal)
		}
	}
}

// The API server is asked at the start, and again until it answers.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, f := newTest(t)
		f.set(func(token string) (*reviewStatus, error) {
			if strings.Count(token, ".") == 2 {
				t.Error("a check sent a token")
			}
			return nil, errors.New("away")
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { a.Run(ctx); close(done) }()
		time.Sleep(time.Minute)
		if a.Ready() || f.calls.Load() < 5 || f.calls.Load() > 10 {
			t.Errorf("after a minute: ready %v, asked %d times", a.Ready(), f.calls.Load())
		}
		f.set(func(string) (*reviewStatus, error) { return &reviewStatus{}, nil })
		time.Sleep(2 * retryMax)
		calls := f.calls.Load()
		time.Sleep(time.Hour)
		if !a.Ready() || f.calls.Load() != calls {
			t.Errorf("when it is back: ready %v, asked %d times more", a.Ready(), f.calls.Load()-calls)
		}
		cancel()
		<-done
	})
}

// Many pods of one address, as in the host's network or behind its address, are reviewed one after the other, and none is sent
// away while it can still be answered in time.
func TestOneAddressOfManyPods(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, f := newTest(t)
		f.set(func(string) (*reviewStatus, error) { time.Sleep(50 * time.Millisecond); return taken(), nil })
		var wg sync.WaitGroup
		for i := range 110 {
			wg.Go(func() {
				if got := code(a.Authorize(t.Context(), jwt(time.Now().Add(time.Hour), fmt.Sprint(i), "sts-helper"), pod1)); got != "" {
					t.Errorf("pod %d: %s", i, got)
				}
			})
		}
		wg.Wait()
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.flying) != 0 {
			t.Errorf("under way: %v", a.flying)
		}
	})
}

// An address that sends many tokens at once, while the API server is slow or does not answer, does not take the reviews of
// others.
func TestOneAddressLeavesReviewsToOthers(t *testing.T) {
	t.Parallel()
	for name, ended := range map[string]func() (*reviewStatus, error){
		"refused":     func() (*reviewStatus, error) { return &reviewStatus{}, nil },
		"no answer":   func() (*reviewStatus, error) { return nil, errors.New("away") },
		"good tokens": func() (*reviewStatus, error) { return taken(), nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			a, f := newTest(t)
			good := jwt(time.Now().Add(time.Hour), "good", "sts-helper")
			f.set(func(token string) (*reviewStatus, error) {
				time.Sleep(2 * time.Second)
				if token == good {
					return taken(), nil
				}
				return ended()
			})
			done := make(chan bool)
			var wg sync.WaitGroup
			for i := range 128 { // as many as it may have connections
				wg.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-done:
							return
						default:
						}
						_, no := a.Authorize(t.Context(), jwt(time.Now().Add(time.Hour), fmt.Sprint(i, " ", n), "sts-helper"), pod1)
						if no != nil && no.RetryIn > 0 {
							time.Sleep(25 * time.Millisecond)
						}
					}
				})
			}
			time.Sleep(100 * time.Millisecond)
			start := time.Now()
			for {
				got := code(a.Authorize(t.Context(), good, netip.MustParseAddr("10.8.0.2")))
				if got == "" {
					break
				}
				if time.Since(start) > 3*time.Second {
					t.Errorf("%s: another address has %q after %v", name, got, time.Since(start))
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			close(done)
			wg.Wait()
			time.Sleep(10 * time.Second)
		})
	}
}
