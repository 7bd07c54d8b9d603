package mfa_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/internal/mfa"
)

func TestGivenOnce(t *testing.T) {
	t.Parallel()
	g := mfa.NewPresetCode("123 456")
	if s := fmt.Sprintf("%v %+v %#v %s %d", g, g, g, g, g); strings.Contains(s, "123") {
		t.Errorf("printed: %s", s)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "code", g)
	if strings.Contains(log.String(), "123") {
		t.Errorf("logged: %s", &log)
	}
	if b, err := json.Marshal(g); err == nil {
		t.Errorf("marshalled: %s", b)
	}
	// Twenty callers, picked apart: one gets it.
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes, used := 0, 0
	for range 20 {
		wg.Go(func() {
			s, err := mfa.Pick(mfa.Options{Code: g, Process: "/nonexistent", Prompt: mfa.PromptNever})
			if err != nil {
				t.Error(err)
				return
			}
			code, err := s.Code(t.Context(), mfa.Question{Profile: "dev"})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case code == "123456" && err == nil:
				codes++
			case errors.Is(err, mfa.ErrUsed) && code == "" && strings.Contains(err.Error(), "sts-helper login dev"):
				used++
			default:
				t.Errorf("%q, %v", code, err)
			}
		})
	}
	wg.Wait()
	if codes != 1 || used != 19 {
		t.Errorf("%d codes, %d refusals", codes, used)
	}
}

func TestGivenRefusals(t *testing.T) {
	t.Parallel()
	if mfa.NewPresetCode("") != nil {
		t.Error("an empty code is no code")
	}
	g := mfa.NewPresetCode("12345CANARY")
	if _, err := g.Code(t.Context(), mfa.Question{}); !errors.Is(err, mfa.ErrBadCode) || strings.Contains(err.Error(), "CANARY") {
		t.Error(err)
	}
	g = mfa.NewPresetCode("123456")
	_, err := g.Code(t.Context(), mfa.Question{NotBefore: time.Now().Add(20 * time.Second)})
	if !errors.Is(err, mfa.ErrUsed) || !strings.Contains(err.Error(), "20s") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g = mfa.NewPresetCode("123456")
	if _, err := g.Code(ctx, mfa.Question{}); !errors.Is(err, mfa.ErrCancelled) {
		t.Error(err)
	}
	if code, err := g.Code(t.Context(), mfa.Question{}); code != "123456" || err != nil {
		t.Errorf("a question that had ended before it began used up the code: %q, %v", code, err)
	}
}

func TestStep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ unix, step int64 }{
		{0, 0}, {29, 0}, {30, 1}, {59, 1}, {1111111109, 0x23523EC}, // RFC 6238 appendix B
		{1234567890, 0x273EF07}, {20000000000, 0x27BC86AA}, {-1, -1}, {-30, -1}, {-31, -2},
	} {
		if got := mfa.Step(time.Unix(c.unix, 999)); got != c.step {
			t.Errorf("Step(%d) = %#x, want %#x", c.unix, got, c.step)
		}
		start := mfa.StepStart(c.step)
		if mfa.Step(start) != c.step || mfa.Step(start.Add(-1)) != c.step-1 {
			t.Errorf("step %d does not begin at %v", c.step, start)
		}
	}
}

func TestStepFollowsTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		used := mfa.Step(time.Now())
		time.Sleep(time.Until(mfa.StepStart(used + 1)))
		if got := mfa.Step(time.Now()); got != used+1 {
			t.Errorf("step %d after %d", got, used)
		}
	})
}

func TestParsePrompt(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]mfa.Prompt{"": mfa.PromptAuto, "auto": mfa.PromptAuto, "tty": mfa.PromptTTY, "dialog": mfa.PromptDialog, "never": mfa.PromptNever} {
		if got, err := mfa.ParsePrompt(in); got != want || err != nil {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"TTY", "none", "tty ", "\x1b[31m"} {
		if _, err := mfa.ParsePrompt(in); err == nil || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v", in, err)
		}
	}
}
