package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/child"
	"github.com/sts-helper/sts-helper/internal/render"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// execServe is the environment for a command that gets its credentials from an endpoint of its own, as
// container credentials, for as long as it runs.
func (p *program) execServe(ctx context.Context, name string, flags settings.Flags, command string) ([]string, error) {
	t, err := p.beforeServe(ctx, name, flags)
	if err != nil {
		return nil, err
	}
	hide, err := settings.DefaultCredentials(p.env)
	if err != nil {
		return nil, err
	}
	run := ""
	if t.Request().Scoped() {
		run = newRun(command)
		p.logger(t.Request().Verbose).Debug("the run has a narrowed session of its own", "description", run)
	}
	at, err := p.startEndpoint(ctx, name, run, flags)
	if err != nil {
		return nil, err
	}
	environ := render.Clean(child.Environ(execVariable + "=" + t.name))
	set := append(render.Region(t.Request().Region), render.Variable{Name: varURI, Value: at.URL}, render.Variable{Name: varBearer, Value: at.Token})
	for _, variable := range hide {
		p.warn("the default profile of AWS's files has credentials, which SDKs take before an endpoint: %s is %s for the command", variable, os.DevNull)
		set = append(set, render.Variable{Name: variable, Value: os.DevNull})
	}
	for _, v := range set {
		environ = assign(environ, v)
	}
	return environ, nil
}

// beforeServe gets what the endpoint is going to give, while there is a user to ask. A narrowed session is the
// run's own, and got by the endpoint: here it is what it is made from.
func (p *program) beforeServe(ctx context.Context, name string, flags settings.Flags) (*target, error) {
	t, err := p.target(name, flags, p.env, broker.Options{})
	if err != nil {
		return nil, err
	}
	prov := t.Provider
	if t.Request().Scoped() {
		if prov = t.Base(); prov == nil {
			return t, nil
		}
	}
	answer, err := prov.Token(ctx)
	if err != nil {
		return nil, err
	}
	p.warnOf(answer)
	return t, nil
}

// newRun is the description of a new run of a command: CloudTrail shows it of the run's session. Of the command
// it has the name alone, since what follows may be a secret.
func newRun(command string) string {
	const idBytes = 6
	id := make([]byte, idBytes)
	_, _ = rand.Read(id) // never fails
	return "sts-helper exec, run " + hex.EncodeToString(id) + " of " + filepath.Base(command)
}

// endpointAddress is where the endpoint of an exec is.
type endpointAddress struct{ URL, Token string }

// openEndpoint opens an endpoint for one set of credentials on a port of its own, with a token of its own.
// It answers until ctx ends, which run waits for. description, where it is not "", is that of a narrowed session
// of its own, which is kept nowhere.
func (p *program) openEndpoint(ctx context.Context, name, description string, flags settings.Flags) (at endpointAddress, run func() error, err error) {
	e := &endpoint{flags: serveFlags{listen: []string{"127.0.0.1:0"}}, settings: flags, env: p.env, log: slog.New(slog.DiscardHandler), run: description}
	if name != "" {
		e.flags.profiles = []string{name}
	}
	served, seen, err := e.load()
	if err != nil {
		return endpointAddress{}, nil, err
	}
	if e.run != "" { // the command is not started where it could have none
		if _, err := served.providers[0].Token(ctx); err != nil {
			return endpointAddress{}, nil, err
		}
	}
	e.bearer = imds.NewBearerToken()
	if e.srv, err = imds.New(e.config(served)); err != nil {
		return endpointAddress{}, nil, err
	}
	e.setWatched(seen)
	listeners, err := e.listen(ctx)
	if err != nil {
		return endpointAddress{}, nil, err
	}
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.start(ctx, base)
	ended := make(chan error, 1)
	go func() { ended <- e.srv.Serve(ctx, listeners...) }()
	at = endpointAddress{"http://" + listeners[0].Addr().String() + "/credentials/" + served.profiles[0].Name, e.bearer}
	return at, func() error {
		defer stop()
		return e.runLoop(ctx, base, ended)
	}, nil
}

// line is the address on one line.
func (at endpointAddress) line() []byte {
	b, _ := json.Marshal(at) // strings always encode
	return append(b, '\n')
}

// asArguments are flags as a command line has them. A code is left out: it was used already.
func asArguments(flags settings.Flags) (args []string) {
	for name, values := range flags {
		if name == "mfa-code" {
			continue
		}
		for _, v := range values {
			args = append(args, "--"+name+"="+v)
		}
	}
	return args
}

// withoutManager is an environment without what a service manager gave this process for itself:
// sd_listen_fds(3), sd_notify(3).
func withoutManager(environ []string) (kept []string) {
	for _, kv := range environ {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES":
		default:
			kept = append(kept, kv)
		}
	}
	return kept
}
