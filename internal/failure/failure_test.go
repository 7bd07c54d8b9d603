package failure_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/sts-helper/sts-helper/internal/failure"
)

func TestError(t *testing.T) {
	for want, err := range map[string]*failure.Error{
		"a":                      failure.Configf("a"),
		"a 1; do b":              failure.Configf("a %d", 1).Do("do %s", "b"),
		"a; run: c d":            failure.Interactionf(nil, "c d", "a"),
		"a; do b; run: c":        failure.Interactionf(nil, "c", "a").Do("do b"),
		"a: file does not exist": failure.Sourcef(fs.ErrNotExist, "a: %v", fs.ErrNotExist),
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err.Error(), want)
		}
	}
	if !errors.Is(failure.Sourcef(fs.ErrNotExist, "x"), fs.ErrNotExist) {
		t.Error("the cause is not in the chain")
	}
}

func TestClassOf(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want failure.Class
	}{
		{failure.Configf("x"), failure.Configuration},
		{fmt.Errorf("x: %w", failure.Sourcef(nil, "y")), failure.Source},
		{failure.Interactionf(context.Canceled, "", "x"), failure.InteractionRequired},
		{errors.Join(errors.New("x"), &failure.Error{Class: failure.Denied}), failure.Denied},
		{fmt.Errorf("x: %w", context.Canceled), failure.Stopped},
		{context.DeadlineExceeded, failure.Stopped},
		{&failure.Error{Err: context.Canceled}, failure.Stopped},
		{errors.New("x"), failure.Internal},
		{nil, failure.Internal},
	} {
		if got := failure.ClassOf(tc.err); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.err, got, tc.want)
		}
	}
}

// Each class has an exit code of its own, but for what a signal or nothing of ours decides.
func TestExitCodes(t *testing.T) {
	for class, want := range map[failure.Class]int{
		failure.Internal: 1, failure.Usage: 2, failure.Configuration: 3, failure.Source: 4, failure.Denied: 5,
		failure.Unreachable: 6, failure.Locked: 7, failure.InteractionRequired: 8,
	} {
		if got := class.ExitCode(); got != want || failure.ClassOfExit(want) != class {
			t.Errorf("%s: %d, and %d is %s", class, got, want, failure.ClassOfExit(want))
		}
	}
	if got := failure.Stopped.ExitCode(); got != 1 || failure.ClassOfExit(130) != failure.Internal {
		t.Errorf("stopped: %d, 130 is %s", got, failure.ClassOfExit(130))
	}
}
