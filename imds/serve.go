package imds

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The bounds of a connection. Between requests it may be idle for as long as its user has not too many.
const (
	maxHeader     = 8 << 10         // a request's line and headers; net/http adds 4 KiB to what it is told
	headerTimeout = 2 * time.Second // all headers, from the connection or a request's first bytes on
	answerTimeout = 10 * time.Second
)

// Serve answers on the listeners until ctx ends, or one of them fails, and closes them. It fetches first
// if [Server.Start] was not called; connections wait meanwhile. When ctx ends it takes nothing new, lets
// answers finish for up to [Config.DrainTimeout], and returns nil.
//
// Listeners need not be from [Server.Listen] (systemd passes them, for example), but the same addresses
// are refused. A server serves once.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	defer func() {
		for _, ln := range listeners {
			_ = ln.Close()
		}
	}()
	if len(listeners) == 0 {
		return errors.New("no listener to serve on")
	}
	var guarded []*guardedListener
	for _, ln := range listeners {
		g, err := s.guard(ln)
		if err != nil {
			for _, g := range guarded {
				_ = g.Close()
			}
			return err
		}
		guarded = append(guarded, g)
	}
	// Fetches go on while the last answers are given.
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	s.start(ctx, base)

	cfg := s.state.Load().cfg
	hs := s.httpServer(cfg.Logger)
	for _, g := range guarded {
		if !g.limited { // else it would start and stop a timer for each answer
			hs.WriteTimeout = answerTimeout
		}
	}
	failed := make(chan error, len(guarded))
	for _, g := range guarded {
		go func() { failed <- hs.Serve(g) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.DrainTimeout)
	defer cancel()
	if hs.Shutdown(drain) != nil {
		_ = hs.Close()
	}
	return err
}

func (s *Server) httpServer(log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:        http.HandlerFunc(s.handle),
		Protocols:      protocols,
		MaxHeaderBytes: maxHeader - 4096,
		IdleTimeout:    -1,
		// Else net/http itself answers "OPTIONS *", past all guards.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
	}
}
