package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/mfa"
	"github.com/sts-helper/sts-helper/profile"
	"github.com/sts-helper/sts-helper/provider"
	ops "github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

// site is what the settings say is to be served.
type site struct {
	profiles  []imds.Profile
	providers []*provider.Provider
	instance  *imds.Instance
	aliases   []netip.Addr
	uids      []uint32
}

// forAll are the settings that may be flags beside several profiles, because they do not say
// what is asked for.
var forAll = [...]string{"cache-dir", "no-cache", "wait", "verbose"}

// load reads the settings of every profile.
func (e *endpoint) load() (*site, error) {
	s := &site{}
	var err error
	if s.aliases, err = e.flags.loopbackAliases(); err != nil {
		return nil, err
	}
	if s.uids, err = e.flags.uids(); err != nil {
		return nil, err
	}
	names, imdsOnly := e.profileNames()
	if err := e.settingsFit(len(names)); err != nil {
		return nil, err
	}
	for _, name := range names {
		flags := profile.Flags{}
		for k, v := range e.settings {
			flags[k] = v
		}
		if name != "" {
			flags["profile"] = []string{name}
		}
		req, err := profile.Load(flags, e.env)
		if err != nil {
			return nil, err
		}
		prov, err := provider.New(req, provider.Options{NoHuman: true, Log: e.log})
		if err != nil {
			return nil, err
		}
		if name == "" {
			name = unnamed
		}
		s.providers = append(s.providers, prov)
		p := imds.Profile{
			Name:        imds.CleanName(name),
			Provider:    prov,
			Identity:    prov.Key().String(),
			RoleARN:     req.RoleARN,
			Lifetime:    lifetime(req),
			LoginHint:   loginHint(req),
			NoContainer: name == imdsOnly,
		}
		if name == e.flags.imds {
			if s.instance, err = e.flags.instance(p.Name, req.Region); err != nil {
				return nil, err
			}
		}
		s.profiles = append(s.profiles, p)
	}
	if e.flags.imds != "" && s.instance == nil {
		return nil, usageError{fmt.Errorf("--imds: %q is not one of the profiles served", mfa.Safe(e.flags.imds))}
	}
	return s, nil
}

// settingsFit refuses settings that would hold for several profiles at once: two names for
// the same credentials are hardly what was meant.
func (e *endpoint) settingsFit(profiles int) error {
next:
	for name := range e.settings {
		for _, ok := range forAll {
			if name == ok {
				continue next
			}
		}
		if profiles > 1 {
			return usageError{fmt.Errorf("--%s would hold for every profile; with more than one, put it into config.toml", name)}
		}
	}
	return nil
}

func lifetime(req *profile.Request) time.Duration {
	switch {
	case req.Duration > 0:
		return req.Duration
	case req.Granted != "":
		return 0
	}
	return ops.DefaultDuration(token.Operation(req.Operation))
}

// loginHint is what clients are told when a person is needed: one line of ASCII.
func loginHint(req *profile.Request) string {
	hint := "log in first, run: sts-helper login " + req.Name
	if req.Granted != "" {
		hint = "the token that was accepted as " + req.Granted + " has ended; ask for another"
	}
	for i := range len(hint) {
		if hint[i] < ' ' || hint[i] > '~' {
			return "log in first, run: sts-helper login"
		}
	}
	return hint
}

func (e *endpoint) config(s *site) imds.Config {
	c := imds.Config{
		Profiles:         s.profiles,
		IMDS:             s.instance,
		BearerToken:      e.bearer,
		Key:              e.key,
		AllowUIDs:        s.uids,
		NoPeerCheck:      e.flags.noUIDCheck,
		Hosts:            e.flags.hosts,
		Aliases:          s.aliases,
		AllowNonLoopback: e.flags.exposed,
		LoginRequired:    loginRequired,
		FetchTimeout:     fetchTimeout,
		Logger:           e.log,
	}
	if e.metrics != nil {
		c.Observe = e.metrics.observe
	}
	return c
}

// leadsBack refuses to be its own source: a shell that has read the env-file of an earlier
// run, or of this one, passes its variables on.
func leadsBack(s *site, listeners []net.Listener) error {
	for _, p := range s.providers {
		req := p.Request()
		for req.Base != nil {
			req = req.Base
		}
		var variable string
		switch req.Source.Kind {
		case profile.SourceContainer:
			variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
		case profile.SourceInstance:
			variable = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
		case profile.SourceDefault:
			variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
			if os.Getenv(variable) == "" {
				variable = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
			}
		default:
			continue
		}
		u, err := url.Parse(os.Getenv(variable))
		if err != nil || u.Host == "" {
			continue
		}
		for _, ln := range listeners {
			if _, port, err := net.SplitHostPort(ln.Addr().String()); err == nil && u.Port() == port && ownHost(u.Hostname(), ln) {
				return &provider.Error{Class: provider.ClassConfig, Text: fmt.Sprintf(
					"%s leads back to this server; unset it, or name the profile that holds the keys with --source-profile", variable)}
			}
		}
	}
	return nil
}

func ownHost(host string, ln net.Listener) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.IsLoopback() || net.JoinHostPort(host, "0") == withPort0(ln))
}

func withPort0(ln net.Listener) string {
	host, _, _ := net.SplitHostPort(ln.Addr().String())
	return net.JoinHostPort(host, "0")
}

// watched is a token on disk that somebody else may replace or remove: a profile's own, or
// one that it is made with.
type watched struct {
	profile string
	own     bool
	cache   *cache.Cache
	key     cache.Key
	seen    string
}

// gone is what a token looks like that is not there any more.
const gone = "gone"

// look tells the token apart from others; what cannot be read at the moment looks as before.
func (w *watched) look() string {
	r, err := w.cache.Load(w.key)
	var m *cache.Miss
	switch {
	case err == nil:
		return r.Token.Credentials.AccessKeyID + r.Token.Credentials.Expires.String()
	case errors.As(err, &m) && m.Absent():
		return gone
	}
	return w.seen
}

// note remembers what is to be watched.
func (e *endpoint) note(s *site) {
	var all []*watched
	var files []string
	dirs := map[string]os.FileInfo{}
	for i, p := range s.providers {
		c, _ := p.Cache()
		if c != nil {
			dirs[c.Path()], _ = os.Stat(c.Path())
		}
		for req := p.Request(); req != nil; req = req.Base {
			files = append(files, req.Source.Files...)
			if c != nil {
				w := &watched{profile: s.profiles[i].Name, own: req == p.Request(), cache: c, key: provider.KeyOf(req), seen: gone}
				w.seen = w.look()
				all = append(all, w)
			}
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watch = all
	e.files = seeFiles(files)
	e.dirs = dirs
}

// look has profiles refreshed whose tokens on disk are not what they were, because somebody
// logged in, and forgotten where somebody logged out. It tells why the settings are to be
// read again, "" where they are not: a key was rotated, or the whole cache was removed and
// must be opened anew.
func (e *endpoint) look() (why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for path, before := range e.dirs {
		if now, err := os.Stat(path); err != nil || !os.SameFile(now, before) {
			delete(e.dirs, path) // said once
			why = "the cache was removed"
		}
	}
	for _, w := range e.watch {
		now := w.look()
		_, there := e.dirs[w.cache.Path()]
		switch {
		case now == w.seen:
		case now != gone:
			e.srv.Refresh(w.profile)
		case w.own && there:
			e.srv.Forget(w.profile)
		}
		w.seen = now
	}
	if e.files.changed() {
		why = "the AWS files changed"
	}
	return why
}

// filesSeen is how files looked when they were last looked at.
type filesSeen map[string]os.FileInfo

func seeFiles(names []string) filesSeen {
	s := filesSeen{}
	for _, n := range names {
		s[n], _ = os.Stat(n)
	}
	return s
}

func (s filesSeen) changed() bool {
	changed := false
	for name, before := range s {
		now, _ := os.Stat(name)
		same := now == nil && before == nil ||
			now != nil && before != nil && now.Size() == before.Size() && now.ModTime().Equal(before.ModTime()) && os.SameFile(now, before)
		if !same {
			s[name] = now
			changed = true
		}
	}
	return changed
}
