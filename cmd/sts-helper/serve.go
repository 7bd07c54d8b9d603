package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/nodeagent"
	"github.com/sts-helper/sts-helper/internal/settings"
)

const serveHelp = `Serve credentials over HTTP on this machine, for containers and for programs that
cannot run a credential_process, from the same cache as every other way.

Each --profile is served as container credentials at /credentials/NAME, and the one that
--imds names also as the role of an EC2 instance (IMDSv2 only). Programs find the server
by what --env-file holds:

    sts-helper serve --profile dev --imds dev --env-file ~/.aws/dev.env
    docker run --network host --env-file ~/.aws/dev.env ...

No user is ever asked for a code here: clients are told LoginRequired until you have
run "sts-helper login". SIGHUP reads the settings again; SIGTERM lets answers finish.

On Linux only programs that run as you (or as one of --allow-uid) are answered, and
container credentials need the token in the token file besides. Elsewhere, and with
--no-uid-check, that token alone keeps other users out. Instance metadata has no secret,
so --imds is refused there; --imds-for-every-user permits it and gives the credentials
to every user of the machine.

NAME is an entry of config.toml or, as for "sts-helper login", a profile of ~/.aws/config.
Each flag can be a variable STS_HELPER_SERVE_...`

const (
	// startWait is how long the first fetch may keep the server from answering.
	startWait = 5 * time.Second
	// watchEvery is how often the disk is looked at for a newer token, so that a login is
	// seen within a second.
	watchEvery = 500 * time.Millisecond
	// fetchTimeout leaves the provider its own limits: 55 s behind a user who is being
	// asked for a code, 35 s otherwise.
	fetchTimeout = 60 * time.Second
)

func (p *program) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve [flags]",
		Short: "Serve credentials over HTTP: container credentials and IMDSv2",
		Long:  serveHelp,
		Args:  noArguments,
	}
	var f serveFlags
	own := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	own.SortFlags = false
	f.add(own)
	cmd.Flags().AddFlagSet(own)
	settings := addSettings(cmd.Flags(), "profile", "mfa-code", "mfa-process", "prompt")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := fromEnvironment(own, p.env); err != nil {
			return err
		}
		if len(f.profiles) == 0 && f.imds == "" && f.ecs == "" && !f.node {
			var err error
			if f.profiles, err = p.pick(cmd.Context(), settings, false); err != nil {
				return err
			}
		}
		return p.serve(cmd.Context(), f, settings)
	}
	return cmd
}

// endpoint is a running server and what it is made of.
type endpoint struct {
	flags    serveFlags
	settings settings.Flags
	env      settings.Environment
	log      *slog.Logger
	metrics  *serveMetrics
	systemd  systemd
	run      string // the description of the narrowed session of a run, "" for sessions that are shared

	srv       *imds.Server
	agent     *nodeagent.Agent // of a Kubernetes node, nil for other servers
	bearer    string
	tokenFile string // "" where nothing needs a token
	tokenLost bool   // the file is not there and cannot be written
	mark      runMark
	key       []byte

	mu sync.Mutex
	watchState
}

func (p *program) serve(ctx context.Context, f serveFlags, settings settings.Flags) (err error) {
	log, err := f.logger(p.stderr, settings)
	if err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	e := &endpoint{flags: f, settings: settings, env: p.env, log: log, systemd: newSystemd()}
	if f.metricsListen != "" {
		e.metrics = newServeMetrics()
	}
	if f.node {
		if e.agent, err = e.newAgent(); err != nil {
			return err
		}
	}
	served, seen, err := e.load()
	if err != nil {
		return err
	}
	if err := e.nothingToServe(ctx, served); err != nil {
		return err
	}
	tokenFile, err := e.secrets(served)
	listening := false
	defer func() {
		// A server that never listened left its address to no client, unless its port was taken.
		e.mark.end(err == nil || !listening && !e.mark.unclean && !errors.Is(err, syscall.EADDRINUSE))
	}()
	if err != nil {
		return err
	}
	var variables *envFile
	if f.envFile != "" {
		if variables, err = openEnvFile(f.envFile); err != nil {
			return err
		}
		defer variables.close()
	}
	if e.srv, err = imds.New(e.config(served)); err != nil {
		switch {
		case errors.Is(err, imds.ErrNoPeerCheck) && f.ecs != "":
			err = errors.New("--ecs-address: nothing tells users apart here, and no token is asked for there: every user of this machine would get the credentials; serve container credentials with their token")
		case errors.Is(err, imds.ErrNoPeerCheck):
			err = errors.New("--imds: nothing tells users apart here, and instance metadata has no secret: every user of this machine would get the credentials; serve container credentials alone, or permit it with --imds-for-every-user")
		}
		return usageError{err}
	}
	e.setWatched(seen)
	listeners, err := e.listen(ctx)
	if err != nil {
		return err
	}
	listening = true
	defer func() {
		for _, ln := range listeners {
			_ = ln.Close()
		}
	}()
	if err := selfReference(served, listeners, e.env); err != nil {
		return err
	}
	if e.metrics != nil {
		stop, err := e.serveMetrics(ctx)
		if err != nil {
			return err
		}
		defer stop()
	}

	// Fetches outlive the signal to stop, so that the last answers can be given.
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if e.agent != nil {
		go e.agent.Run(base)
	}
	e.start(ctx, base)
	if ctx.Err() != nil {
		return nil
	}
	ended := make(chan error, 1)
	go func() { ended <- e.srv.Serve(ctx, listeners...) }()
	if variables != nil {
		if err := variables.write(e.envText(served, listeners, tokenFile)); err != nil {
			return err
		}
		e.log.Info("wrote the variables for clients", "file", f.envFile)
	} else if e.agent == nil && p.terminal(p.stdout) {
		_, _ = p.stdout.WriteString(e.envText(served, listeners, tokenFile))
	}
	e.systemd.notify("READY=1")
	return e.runLoop(ctx, base, ended)
}

// start fetches the credentials, for up to startWait; what takes longer goes on behind.
func (e *endpoint) start(ctx, base context.Context) {
	done := make(chan struct{})
	go func() { defer close(done); _ = e.srv.Start(base) }()
	t := time.NewTimer(startWait)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		e.log.Warn("the first credentials take long; clients are told so meanwhile")
	case <-ctx.Done():
	}
}

// runLoop looks after the running server until it has ended.
func (e *endpoint) runLoop(ctx, base context.Context, ended <-chan error) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	reload := make(chan string, 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for why := range reload {
			e.reload(base, why)
		}
	})
	defer close(reload)
	again := func(why string) {
		select {
		case reload <- why:
		default: // one is waiting already, and will see this change too
		}
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if ctx.Err() == nil && err != nil {
				return &failure.Error{Class: failure.Configuration, Text: "the server ended: " + err.Error(), Err: err}
			}
			return nil
		case <-ctx.Done():
			e.log.Info("ending; answers under way are finished", "reason", context.Cause(ctx).Error())
			e.systemd.notify("STOPPING=1")
			<-ended
			return nil
		case <-hup:
			again("SIGHUP")
		case <-tick.C:
			if why := e.poll(); why != "" {
				again(why)
			}
			e.keepTokenFile()
			e.systemd.notifyStatus(e.srv.Status())
		}
	}
}

// reload reads the settings again. What is wrong with them is logged and changes nothing, unless the fleet's file
// changed: then nothing is given until they are right again.
func (e *endpoint) reload(base context.Context, why string) {
	if base.Err() != nil {
		return
	}
	e.systemd.reloading()
	defer e.systemd.notify("READY=1")
	served, seen, err := e.load()
	if err == nil {
		err = e.srv.Reload(e.config(served))
	}
	if plan, yes := e.forbidden(); err != nil && yes && plan != nil {
		e.log.Error("no credentials are given until this is mended", "reason", why, "error", err.Error())
		if err := e.srv.Reload(e.config(plan.refused(err))); err != nil {
			e.log.Error("cannot be reloaded", "error", err.Error())
		}
		return
	}
	if err != nil {
		e.log.Error("the settings stay as they were", "reason", why, "error", err.Error())
		return
	}
	e.setWatched(seen)
	e.log.Info("read the settings again", "reason", why)
}

// serveMetrics answers on the metrics' own listener until the function it gives is called.
func (e *endpoint) serveMetrics(ctx context.Context) (stop func(), err error) {
	ln, err := loopbackListener(ctx, e.flags.metricsListen)
	if err != nil {
		return nil, err
	}
	guarded, err := e.srv.Guard(ln)
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	hs := &http.Server{
		Handler:           e.metrics.handler(e.srv),
		ReadHeaderTimeout: 2 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(e.log.Handler(), slog.LevelWarn),
	}
	go func() { _ = hs.Serve(guarded) }()
	e.log.Info("metrics", "address", ln.Addr().String())
	return func() { _ = hs.Close() }, nil
}

// profileNames are the names to serve, "" for what the settings without a name ask for.
func (e *endpoint) profileNames() (names []string, imdsOnly string) {
	names = slices.Clone(e.flags.profiles)
	if e.flags.imds != "" && !slices.Contains(names, e.flags.imds) {
		if len(names) == 0 && e.flags.imds == unnamed {
			return []string{""}, ""
		}
		return append(names, e.flags.imds), e.flags.imds
	}
	if len(names) == 0 {
		names = []string{""}
	}
	return names, ""
}
