package nodeagent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/internal/display"
)

const (
	// reuseReview is how long a token that was taken is taken again, counted from the moment the API server was asked. A pod
	// that is deleted keeps its credentials for longer anyway.
	reuseReview = time.Minute
	// reuseRefusal is how long a token is refused again without asking: clients try a few times at once.
	reuseRefusal = 2 * time.Second
	// reuseFailure is how long nothing more is asked about a token after the API server could not be.
	reuseFailure = 500 * time.Millisecond
	// clientWait is how long a client waits for a review. Most SDKs give up after one or two seconds; the review goes
	// on, and answers the next attempt.
	clientWait = 900 * time.Millisecond
	// maxKnown bounds the reviews that are remembered. A node has a few hundred pods.
	maxKnown = 8192
	// maxReviews is how many reviews are under way at a time, and maxReviewsOf how many of one address, which wait among them: a
	// pod has a token or two, and pods in the host's network have the same address.
	maxReviews   = 32
	maxReviewsOf = 8
	// After refusalBurst tokens of one address that were refused within refusalWindow, its next ones are refused unread until that
	// has passed: else a pod could have the API server asked without end.
	refusalBurst  = 20
	refusalWindow = 10 * time.Second
)

// DefaultDir is where a pod finds the CA of the API server and a token for it.
const DefaultDir = "/var/run/secrets/kubernetes.io/serviceaccount"

// Config is what an [Agent] is made from. All but Log is required.
type Config struct {
	// Host and Port are the API server's: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT.
	Host, Port string
	// Dir has the files ca.crt and token, by which the API server is known and asked.
	Dir string
	// Audience is what tokens of pods must be for.
	Audience string
	// Node is the name of this node: tokens of pods on others are refused.
	Node string
	Log  *slog.Logger
}

// Agent finds out whose tokens are. It is safe for use by many goroutines.
type Agent struct {
	cfg   Config
	ask   func(ctx context.Context, token string) (*reviewStatus, error)
	slots chan struct{}

	mu       sync.Mutex
	known    map[key]verdict
	flights  map[key]*flight
	flying   map[netip.Addr]underWay
	strikes  map[netip.Addr]strike
	trouble  string // why the API server could not be asked last, "" where it could
	troubled chan struct{}
	asked    bool
}

// key is the hash of a token; tokens themselves are not kept.
type key [sha256.Size]byte

// verdict is what a review says. Times are of the wall clock, which does not stop where the machine is suspended.
type verdict struct {
	pod       imds.Pod
	refusal   *imds.Refusal
	at, until time.Time
}

func (v *verdict) holds(now time.Time) bool {
	now = now.Round(0)
	return !now.Before(v.at) && now.Before(v.until)
}

type flight struct {
	done chan struct{}
	verdict
}

type strike struct {
	count int
	since time.Time
}

// New makes an agent.
func New(c Config) (*Agent, error) {
	if c.Host == "" || c.Port == "" {
		return nil, errors.New("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT do not say where the API server is")
	}
	if _, err := url.Parse("https://" + net.JoinHostPort(c.Host, c.Port)); err != nil {
		return nil, fmt.Errorf("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no address: %s", display.Quote(c.Host+" "+c.Port))
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	v := &reviewer{url: "https://" + net.JoinHostPort(c.Host, c.Port), dir: c.Dir, audience: c.Audience}
	return &Agent{
		cfg: c, ask: v.ask, slots: make(chan struct{}, maxReviews), troubled: make(chan struct{}, 1),
		known: map[key]verdict{}, flights: map[key]*flight{}, flying: map[netip.Addr]underWay{}, strikes: map[netip.Addr]strike{},
	}, nil
}

// Authorizer is an [imds.Pods.Authorize] by rules, which belong to the profiles of the same [imds.Config]: a name that they have may
// mean another role in the next.
func (a *Agent) Authorizer(r *Rules) func(ctx context.Context, token string, from netip.Addr) (imds.Pod, *imds.Refusal) {
	return func(ctx context.Context, token string, from netip.Addr) (imds.Pod, *imds.Refusal) {
		pod, no := a.identify(ctx, token, from)
		if no != nil {
			return pod, no
		}
		profile, ok := r.profiles[account{pod.Namespace, pod.ServiceAccount}]
		if !ok {
			return pod, &imds.Refusal{Status: http.StatusForbidden, Code: "AccessDeniedException",
				Message: "the service account " + pod.Namespace + "/" + pod.ServiceAccount + " has no profile on this node"}
		}
		pod.Profile = imds.CleanName(profile)
		return pod, nil
	}
}

// identify finds out which pod's a token is.
func (a *Agent) identify(ctx context.Context, token string, from netip.Addr) (imds.Pod, *imds.Refusal) {
	now := time.Now()
	c, ends, ok := readClaims(token)
	switch {
	case !ok:
		return imds.Pod{}, refuse("InvalidRequestException", "Service account token cannot be parsed")
	case now.After(ends.Add(leeway)):
		return imds.Pod{}, refuse("ExpiredTokenException", "the service account token has expired")
	case !slices.Contains(c.Audience, a.cfg.Audience):
		return imds.Pod{}, refuse("InvalidTokenException", "the service account token is not for this agent: give the projected volume the audience "+a.cfg.Audience)
	}
	v := a.review(ctx, token, ends, from)
	return v.pod, v.refusal
}

// refuse is a refusal that lasts: clients need another token.
func refuse(code, message string) *imds.Refusal {
	return &imds.Refusal{Status: http.StatusBadRequest, Code: code, Message: message}
}

func later(d time.Duration, message, detail string) *imds.Refusal {
	return &imds.Refusal{Status: http.StatusServiceUnavailable, Code: "ServiceUnavailableException", Message: message, Detail: detail, RetryIn: d}
}

// review gives what is known about a token, or has it reviewed: once, however many send it at the same time. Where an address
// has as many reviews under way as it may, it waits until one of them ends.
func (a *Agent) review(ctx context.Context, token string, ends time.Time, from netip.Addr) verdict {
	k := key(sha256.Sum256([]byte(token)))
	known, f, full := a.begin(ctx, k, token, ends, from)
	if known != nil {
		return *known
	}
	t := time.NewTimer(clientWait)
	defer t.Stop()
	for {
		ended := full
		if f != nil {
			ended = f.done
		}
		select {
		case <-ended:
			if f != nil {
				return f.verdict
			}
			if known, f, full = a.begin(ctx, k, token, ends, from); known != nil {
				return *known
			}
			continue
		case <-t.C:
		case <-ctx.Done():
		}
		return verdict{refusal: later(time.Second, "the API server has not reviewed the service account token yet", "")}
	}
}

// begin gives what is known about a token, or the review of it that is under way or now is, or, where the address may have no
// more of them, what is closed when one of its own ends.
func (a *Agent) begin(ctx context.Context, k key, token string, ends time.Time, from netip.Addr) (known *verdict, f *flight, full <-chan struct{}) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if v, ok := a.known[k]; ok && v.holds(now) {
		return &v, nil, nil
	}
	if f := a.flights[k]; f != nil {
		return nil, f, nil
	}
	if s := a.strikes[from]; s.count >= refusalBurst && now.Sub(s.since) < refusalWindow {
		return &verdict{refusal: &imds.Refusal{Status: http.StatusTooManyRequests, Code: "ThrottlingException",
			Message: "too many tokens of this address were refused", RetryIn: refusalWindow - now.Sub(s.since)}}, nil, nil
	}
	u := a.flying[from]
	if u.count >= maxReviewsOf {
		return nil, nil, u.ended
	}
	if u.count++; u.count == 1 {
		u.ended = make(chan struct{})
	}
	a.flying[from] = u
	f = &flight{done: make(chan struct{})}
	a.flights[k] = f
	go a.runReview(context.WithoutCancel(ctx), k, f, token, ends, from)
	return nil, f, nil
}

// underWay are the reviews of one address. ended is closed, and made anew, when one of them ends.
type underWay struct {
	count int
	ended chan struct{}
}

// landed takes a review of an address off those under way; a.mu is held.
func (a *Agent) landed(from netip.Addr) {
	u := a.flying[from]
	close(u.ended)
	if u.count--; u.count == 0 {
		delete(a.flying, from)
		return
	}
	u.ended = make(chan struct{})
	a.flying[from] = u
}

// runReview is one review. It does not end with the client that wanted it first.
func (a *Agent) runReview(ctx context.Context, k key, f *flight, token string, ends time.Time, from netip.Addr) {
	f.verdict = a.decide(ctx, token, ends)
	a.mu.Lock()
	delete(a.flights, k)
	a.landed(from)
	now := time.Now()
	if f.until.After(now) {
		a.makeRoom(now)
		a.known[k] = f.verdict
	}
	if f.refusal != nil && f.refusal.Status < http.StatusInternalServerError {
		a.strike(from, now)
	}
	a.mu.Unlock()
	close(f.done)
}

// makeRoom keeps what is known within its bound: what has ended goes first, then any.
func (a *Agent) makeRoom(now time.Time) {
	if len(a.known) < maxKnown {
		return
	}
	for k, v := range a.known {
		if !v.holds(now) {
			delete(a.known, k)
		}
	}
	for k := range a.known {
		if len(a.known) < maxKnown*3/4 {
			return
		}
		delete(a.known, k)
	}
}

func (a *Agent) strike(from netip.Addr, now time.Time) {
	s := a.strikes[from]
	if now.Sub(s.since) >= refusalWindow {
		s = strike{since: now}
	}
	s.count++
	if len(a.strikes) >= maxKnown {
		clear(a.strikes)
	}
	a.strikes[from] = s
}

// decide asks the API server, and judges its answer.
func (a *Agent) decide(ctx context.Context, token string, ends time.Time) verdict {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return verdict{refusal: later(time.Second, "too many service account tokens are being reviewed", "")}
	}
	at := time.Now().Round(0)
	status, err := a.ask(ctx, token)
	a.note(err)
	if err != nil {
		return verdict{at: at, until: time.Now().Round(0).Add(reuseFailure),
			refusal: later(time.Second, "the API server cannot review service account tokens at present; the agent's log says why", err.Error())}
	}
	v := judge(status, a.cfg.Node)
	v.at = at
	v.until = time.Now().Round(0).Add(reuseRefusal)
	if v.refusal == nil {
		v.until = at.Add(reuseReview)
		if ends.Before(v.until) {
			v.until = ends
		}
	}
	return v
}

// judge says whose token was reviewed, and whether it is one of a pod on this node.
func judge(s *reviewStatus, node string) verdict {
	if !s.Authenticated {
		no := refuse("InvalidTokenException", "the API server does not take the service account token")
		no.Detail = display.Safe(s.Error)
		return verdict{refusal: no}
	}
	rest, ok := strings.CutPrefix(s.User.Username, "system:serviceaccount:")
	namespace, name, two := strings.Cut(rest, ":")
	if !ok || !two || !validName(namespace, 63, "") || !validName(name, 253, ".") {
		return verdict{refusal: refuse("InvalidTokenException", "the token is not one of a service account")}
	}
	v := verdict{pod: imds.Pod{Namespace: namespace, ServiceAccount: name, Name: s.User.one(extraPod)}}
	on := s.User.one(extraNode)
	denied := func(message string) verdict {
		v.refusal = &imds.Refusal{Status: http.StatusForbidden, Code: "AccessDeniedException", Message: message}
		return v
	}
	switch {
	case !validName(v.pod.Name, 253, ".") || s.User.one(extraUID) == "":
		v.pod.Name = ""
		return denied("the service account token is not bound to a pod: use a projected volume")
	case on == "":
		return denied("the API server does not say on which node the pod is: Kubernetes 1.30 or later is needed")
	case on != node:
		v = denied("the service account token is one of a pod on another node")
		v.refusal.Detail = display.Safe(on)
	}
	return v
}
