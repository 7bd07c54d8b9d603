package await_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/internal/await"
)

func TestCall(t *testing.T) {
	for name, tc := range map[string]struct {
		takes time.Duration
		err   error
		want  error
	}{
		"in time":       {time.Second, nil, nil},
		"its error":     {time.Second, io.EOF, io.EOF},
		"too late":      {time.Minute, nil, context.DeadlineExceeded},
		"fails later":   {time.Minute, io.EOF, context.DeadlineExceeded},
		"there at once": {0, nil, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			began := time.Now()
			got, err := await.Call(ctx, func() (string, error) {
				time.Sleep(tc.takes)
				return "CANARY", tc.err
			})
			if !errors.Is(err, tc.want) || (got != "") != (tc.takes < time.Minute) || time.Since(began) != min(tc.takes, 10*time.Second) {
				t.Errorf("%s: %q, %v after %s", name, got, err, time.Since(began))
			}
			time.Sleep(tc.takes) // for the call that was left behind
		})
	}
}

// watched is a context that is watched from the first call of Done on, as the program's is.
type watched struct {
	context.Context
	asked chan struct{}
}

func (w watched) Done() <-chan struct{} { close(w.asked); return w.Context.Done() }

// The context is watched before the call is made: so that a signal is seen from the question on.
func TestContextIsWatchedFirst(t *testing.T) {
	w := watched{t.Context(), make(chan struct{})}
	if first, err := await.Call(w, func() (bool, error) {
		select {
		case <-w.asked:
			return true, nil
		default:
			return false, nil
		}
	}); !first || err != nil {
		t.Errorf("%v, %v", first, err)
	}
}
