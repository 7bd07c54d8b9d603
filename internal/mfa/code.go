package mfa

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/stsfield"
)

// parseCode reads a code by [stsfield.ParseCode]; ErrBadCode where it is none.
func parseCode(s string) (string, error) {
	code, err := stsfield.ParseCode(s)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBadCode, err)
	}
	return code, nil
}

// PresetCode is a code that was set by a flag or a variable, before any prompt. It gives its code
// once in its life, however many sources are picked with it. It never prints it.
type PresetCode struct {
	mu   sync.Mutex
	code string
	used bool
}

// NewPresetCode keeps a code for its one use. It is nil, which is no code, for an empty string;
// any other text is looked at when the code is asked for.
func NewPresetCode(code string) *PresetCode {
	if code == "" {
		return nil
	}
	return &PresetCode{code: code}
}

// Name is what it is.
func (*PresetCode) Name() string { return "preset code" }

// Code gives the code the first time. ErrUsed every other time, and where NotBefore shows that
// the code of the present step was used already: a preset code is of that step.
func (g *PresetCode) Code(ctx context.Context, q Question) (string, error) {
	if ctx.Err() != nil {
		return "", q.ended(ctx, g.Name(), q.Timeout)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	code := g.code
	used := g.used
	g.code, g.used = "", true
	if used {
		return "", fmt.Errorf("%w: the code of --mfa-code is for one request; run %q with the next code",
			ErrUsed, loginCommand(q.Login, q.Profile))
	}
	if d := time.Until(q.NotBefore.Round(0)); !q.NotBefore.IsZero() && d > 0 {
		return "", fmt.Errorf("%w: this device's present code was used; run %q with the next code in %s",
			ErrUsed, loginCommand(q.Login, q.Profile), display.Wait(d))
	}
	code, err := parseCode(code)
	if err != nil {
		return "", fmt.Errorf("--mfa-code: %w", err)
	}
	return code, nil
}

// Format prints what it is under every verb, never the code.
func (g *PresetCode) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[MFA code]") }

// LogValue is what slog writes, never the code.
func (g *PresetCode) LogValue() slog.Value { return slog.StringValue("[MFA code]") }

// MarshalJSON fails: a code belongs in no file.
func (g *PresetCode) MarshalJSON() ([]byte, error) {
	return nil, errors.New("an MFA code is not written anywhere")
}

// stepLength is how long a code lives: RFC 6238's default time step, which AWS uses.
const stepLength = 30 * time.Second

// Step is the number of the time step that t lies in (RFC 6238 section 4.2, T0 = 0): a device
// shows one code per step, and AWS takes each code once.
func Step(t time.Time) int64 {
	const length = int64(stepLength / time.Second)
	s := t.Unix()
	if s < 0 {
		s -= length - 1
	}
	return s / length
}

// StepStart is when a step begins, in UTC. The code after the one of step n exists from
// StepStart(n+1) on.
func StepStart(step int64) time.Time {
	return time.Unix(step*int64(stepLength/time.Second), 0).UTC()
}
