package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/keystore"
	"github.com/sts-helper/sts-helper/internal/storedkey"
	"github.com/sts-helper/sts-helper/sts"
)

// silence is how long a user at a terminal is left without a word while something is waited for.
const silence = time.Second

// waitHandler is a log that says at a terminal whom a call waits for, once that takes longer than
// silence. It knows from the log when STS is asked, which is after any code was typed, and when another
// process, a command or a portal is: the line is never in a prompt.
type waitHandler struct {
	say func(format string, args ...any)

	mu    sync.Mutex
	timer *time.Timer
	said  bool
}

// Enabled takes every record: what is looked for is at level debug.
func (*waitHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle starts and ends the silence.
func (h *waitHandler) Handle(_ context.Context, r slog.Record) error {
	switch r.Message {
	case sts.Asked:
		values := map[string]slog.Value{}
		r.Attrs(func(a slog.Attr) bool { values[a.Key] = a.Value; return true })
		h.asked(values["endpoint"].String(), values["attempt"].Int64(), values["of"].Int64())
	case broker.Waiting:
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "for" {
				h.after(silence, func() string { return a.Value.Resolve().String() })
			}
			return true
		})
	case sts.Answered, sts.Failed, broker.Waited:
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.timer != nil {
			h.timer.Stop()
		}
	}
	return nil
}

// after says what is waited for, unless it has come by then, and nothing where that is "".
func (h *waitHandler) after(d time.Duration, what func() string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer != nil {
		h.timer.Stop()
	}
	h.timer = time.AfterFunc(d, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if text := what(); text != "" {
			h.say("waiting for %s", text)
		}
	})
}

func (h *waitHandler) asked(endpoint string, attempt, of int64) {
	h.mu.Lock()
	after := silence
	if h.said { // who was told of the first attempt hears of the next at once
		after = 0
	}
	h.mu.Unlock()
	h.after(after, func() string {
		h.said = true
		return fmt.Sprintf("%s, attempt %d of %d", endpoint, attempt, of)
	})
}

// waitsFor says at a terminal what is waited for, unless it has come within the silence.
func (p *program) waitsFor(what string) (done func()) {
	return p.waitsForValue(slog.StringValue(what))
}

// waitsForValue is waitsFor something that is looked up when it is said.
func (p *program) waitsForValue(what slog.Value) (done func()) {
	log := p.logger(false)
	log.Debug(broker.Waiting, "for", what)
	return func() { log.Debug(broker.Waited) }
}

// waitsForStore is waitsFor a store that may have the user unlock it; that of a file asks on this terminal.
func (p *program) waitsForStore(kind storedkey.Store) (done func()) {
	if kind != storedkey.System {
		return func() {}
	}
	return p.waitsFor(keystore.Name(kind))
}

// WithAttrs and WithGroup change nothing: what is looked for is in the records themselves.
func (h *waitHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup is as WithAttrs.
func (h *waitHandler) WithGroup(string) slog.Handler { return h }
