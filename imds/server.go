package imds

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sts-helper/sts-helper/token"
)

// Server answers for the profiles of its [Config]. It is made by [New], and safe for use by many
// goroutines.
type Server struct {
	state   atomic.Pointer[servingState]
	guards  []guard
	conns   connTable
	limiter logLimiter // for the log of refused connections

	reloads sync.Mutex      // held by Reload to its end; taken before mu
	mu      sync.Mutex      // held for moments only
	base    context.Context // set by Start
	stopOld context.CancelFunc
	next    *servingState // what a Reload that is under way will put in state's place
}

// servingState is everything that a [Config] says, made ready. It is replaced as a whole by [Server.Reload].
type servingState struct {
	cfg          *Config
	hosts        []string
	euid         uint32
	ambiguousUID *uint32
	refreshers   []*refresher
	containers   map[string]*refresher
	pods         map[string]*refresher // in the place of containers, for a node's agent
	role         *refresher            // the instance's, nil without IMDS
	sessions     *sessions
	tree         map[string]entry
}

// New makes a server from c, which it copies. It starts nothing: see [Server.Start] and [Server.Serve].
func New(c Config) (*Server, error) {
	s := &Server{guards: allGuards()}
	st, err := newServingState(c, nil)
	if err != nil {
		return nil, err
	}
	s.state.Store(st)
	return s, nil
}

// newServingState makes one of a Config; refreshers of the old one go on with the credentials that are still theirs.
func newServingState(c Config, old *servingState) (*servingState, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.Profiles = slices.Clone(c.Profiles)
	if c.MaxConnsPerUID <= 0 {
		c.MaxConnsPerUID = defaultMaxConns
	}
	if c.FetchTimeout <= 0 {
		c.FetchTimeout = defaultFetchTimeout
	}
	if c.DrainTimeout <= 0 {
		c.DrainTimeout = defaultDrainTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for i, a := range c.Aliases {
		if i == 0 {
			c.Aliases = slices.Clone(c.Aliases)
		}
		c.Aliases[i] = a.Unmap()
	}
	if c.ECS != "" {
		c.Aliases = append(slices.Clip(c.Aliases), ecsAddr)
	}
	if c.IMDS != nil && !c.checksPeers() {
		c.Logger.Warn("instance metadata is for every user of this machine: it has no secret, and nothing tells users apart here")
	}
	st := &servingState{
		cfg:          &c,
		hosts:        append(slices.Clone(defaultHosts[:]), c.Hosts...),
		euid:         uint32(os.Geteuid()),
		ambiguousUID: overflowUID(),
		containers:   make(map[string]*refresher),
		pods:         make(map[string]*refresher),
	}
	for i := range c.Profiles {
		p := &c.Profiles[i]
		if p.BearerToken == "" {
			p.BearerToken = c.BearerToken
		}
		if p.AccountID == "" {
			p.AccountID = token.AccountFromARN(p.RoleARN)
		}
		named := p.Identity != ""
		if !named {
			p.Identity = p.Name + "\x00" + p.RoleARN
		}
		rf := &refresher{p: *p, cfg: &c, base: context.Background(), changed: make(chan struct{}, 1)}
		if c.IMDS != nil && c.IMDS.Profile == p.Name {
			in, err := c.IMDS.fillDefaults(p)
			if err != nil {
				return nil, err
			}
			rf.in = in
			st.tree = metadataTree(in, p.AccountID)
			st.role = rf
			st.sessions = newSessions(c.Key, p.Identity)
		}
		if named && old != nil {
			old.handOver(rf)
		}
		switch {
		case c.Pods != nil:
			st.pods[p.Name] = rf
		case !p.NoContainer:
			st.containers[p.Name] = rf
		}
		st.refreshers = append(st.refreshers, rf)
	}
	return st, nil
}

// Start fetches the credentials of all profiles and returns when each was fetched, or failed, or took
// longer than the [Config.FetchTimeout]; what failed is tried again. It goes on refreshing behind the
// answers until ctx ends. The error is ctx's own, or says that Start was called before.
func (s *Server) Start(ctx context.Context) error {
	if !s.start(ctx, ctx) {
		return errors.New("the server was started before")
	}
	return ctx.Err()
}

// start begins refreshing until base ends, unless that was done, and waits for the first fetches, but no
// longer than wait.
func (s *Server) start(wait, base context.Context) bool {
	s.mu.Lock()
	if s.base != nil {
		s.mu.Unlock()
		return false
	}
	s.base = base
	st := s.state.Load()
	s.stopOld = st.begin(base)
	s.mu.Unlock()
	st.wait(wait)
	return true
}

// begin starts refreshing; the function it returns ends that.
func (s *servingState) begin(ctx context.Context) context.CancelFunc {
	ctx, cancel := context.WithCancel(ctx)
	for _, rf := range s.refreshers {
		rf.mu.Lock()
		rf.base = ctx
		rf.mu.Unlock()
		if rf.p.OnDemand {
			rf.first = &flight{done: make(chan struct{})}
			close(rf.first.done)
		} else {
			rf.first = rf.startFetch(false)
		}
		go rf.run(ctx)
	}
	return cancel
}

// wait returns when every refresher's first fetch has ended.
func (s *servingState) wait(ctx context.Context) {
	// A provider that ignores its context must not keep the server from starting.
	t := time.NewTimer(s.cfg.FetchTimeout)
	defer t.Stop()
	for _, rf := range s.refreshers {
		select {
		case <-rf.first.done:
		case <-t.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// Status is how one profile fares.
type Status struct {
	Name string
	// Ready says that there are credentials to answer with.
	Ready bool
	// Expires is when those end; zero if there never were any.
	Expires time.Time
	// Err is why the newest fetch failed, nil if it did not, and LoginRequired whether the user
	// must log in.
	Err           error
	LoginRequired bool
}

// Status reports how each profile fares, in the order of the [Config].
func (s *Server) Status() []Status {
	now := time.Now()
	var all []Status
	for _, rf := range s.state.Load().refreshers {
		ok, f := rf.ready(now)
		x := Status{Name: rf.p.Name, Ready: ok}
		if snap := rf.cur.Load(); snap != nil {
			x.Expires = snap.expires
		}
		if f != nil {
			x.Err, x.LoginRequired = f.err, f.login
		}
		all = append(all, x)
	}
	return all
}

// healthWord is the worst of all profiles in one word.
func (s *servingState) healthWord(now time.Time) string {
	word := "ready"
	if s.cfg.Pods != nil && s.cfg.Pods.Ready != nil && !s.cfg.Pods.Ready() {
		word = "unavailable"
	}
	for _, rf := range s.refreshers {
		ok, f := rf.ready(now)
		switch {
		case ok || rf.p.OnDemand:
		case f == nil:
			if word == "ready" {
				word = "starting"
			}
		case f.login:
			return "login-required"
		default:
			word = "unavailable"
		}
	}
	return word
}

// handle answers one request of a connection that its guards let through.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	c := r.Context().Value(connKey{}).(*guardedConn)
	c.idle.Store(0)
	s.respond(w, r, c.peer, now)
	if r.Body == http.NoBody { // else the rest of it is read
		c.reads = 0
	}
	c.idle.Store(now.UnixNano())
}

func (s *Server) respond(w http.ResponseWriter, r *http.Request, p *peer, now time.Time) {
	st := s.state.Load()
	var ev Event
	var why string
	var out podOutcome
	for i := 0; ev.Guard == "" && i < len(s.guards); i++ {
		if g := s.guards[i]; g.request != nil {
			if status, reason := g.request(st, p, r); status != 0 {
				ev.Status, ev.Guard, why = status, g.name, reason
			}
		}
	}
	if ev.Guard != "" {
		w.Header().Set("Connection", "close")
		ev.Route = "other"
		if strings.HasPrefix(r.RequestURI, "/latest") {
			failHTML(w, ev.Status, why)
		} else {
			failJSON(w, ev.Status, "AccessDenied", why)
		}
	} else {
		ev.Status, ev.Route, ev.Profile, out = st.route(w, r, p, now)
	}
	if st.cfg.Observe == nil && !st.cfg.Logger.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	ev.Kind = EventRequest
	ev.Duration = time.Since(now)
	if st.cfg.Observe != nil {
		st.cfg.Observe(ev)
	}
	logRequest(st.cfg.Logger, r, p, ev, out)
}

func (s *Server) connGuards(st *servingState, p *peer, d *diag) (guard, why string) {
	for _, g := range s.guards {
		if g.conn != nil {
			if why := g.conn(st, p, d); why != "" {
				return g.name, why
			}
		}
	}
	return "", ""
}

// logRequest writes one line of the access log. Neither a query string nor a header's value is in it.
func logRequest(log *slog.Logger, r *http.Request, p *peer, ev Event, out podOutcome) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") || len(path) > 200 {
		path = "(not shown)" // it may hold a userinfo, or be a flood
	}
	a := []slog.Attr{
		slog.String("method", r.Method[:min(len(r.Method), 16)]), slog.String("path", path), slog.Int("status", ev.Status),
		slog.String("remote", r.RemoteAddr), slog.Duration("took", ev.Duration),
	}
	if user := p.user(); user != noUser {
		a = append(a, slog.Int64("uid", user))
	}
	if ev.Profile != "" {
		a = append(a, slog.String("profile", ev.Profile))
	}
	if ev.Guard != "" {
		a = append(a, slog.String("guard", ev.Guard))
	}
	if out.pod != nil {
		a = append(a, slog.String("namespace", out.pod.Namespace), slog.String("service_account", out.pod.ServiceAccount), slog.String("pod", out.pod.Name))
	}
	if out.reason != "" {
		a = append(a, slog.String("reason", out.reason))
	}
	log.LogAttrs(r.Context(), slog.LevelInfo, "request", a...)
}
