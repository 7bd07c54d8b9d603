package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sts-helper/sts-helper/sts"
)

// silence is how long a user at a terminal is left without a word while AWS is waited for.
const silence = time.Second

// waitHandler is a log that says at a terminal whom a call waits for, once that takes longer than
// silence. It knows from the log when STS is asked, which is after any code was typed: the line never
// stands in a prompt.
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
	case sts.Answered, sts.Failed:
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.timer != nil {
			h.timer.Stop()
		}
	}
	return nil
}

func (h *waitHandler) asked(endpoint string, attempt, of int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	after := silence
	if h.said { // who was told of the first attempt hears of the next at once
		after = 0
	}
	if h.timer != nil {
		h.timer.Stop()
	}
	h.timer = time.AfterFunc(after, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.said = true
		h.say("waiting for %s, attempt %d of %d", endpoint, attempt, of)
	})
}

// WithAttrs and WithGroup change nothing: what is looked for is in the records themselves.
func (h *waitHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup is as WithAttrs.
func (h *waitHandler) WithGroup(string) slog.Handler { return h }
