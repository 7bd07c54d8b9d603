package cache_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/cache"
)

// Without a cache, too, AWS is left alone for longer each time that it is asked too often, and for nothing else.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r cache.Rest
		holds := func() time.Duration {
			f, ok := errors.AsType[*cache.Failure](r.Holds())
			if !ok {
				return 0
			}
			if !strings.HasSuffix(f.Message, " ago: "+errBusy.Error()) || f.FailureKind() != errBusy.FailureKind() {
				t.Errorf("while it holds: %q, %q", f.Kind, f.Message)
			}
			return f.Holds()
		}
		var held time.Duration
		for range 12 {
			r.Note(errBusy)
			base := min(max(2*held, 2*time.Second), 30*time.Second)
			if held = holds(); held < base/2-time.Millisecond || held > base*3/2+time.Millisecond {
				t.Errorf("it holds for %v, want about %v", held, base)
			}
			time.Sleep(held + time.Millisecond) // the boot clock is the real one
			if left := holds(); left != 0 {
				t.Errorf("after its time it holds for %v", left)
			}
		}
		if held < 15*time.Second {
			t.Errorf("after twelve refusals it holds for %v", held)
		}
		for _, other := range []error{nil, errAway, errDenied, errMine} {
			r.Note(errBusy)
			r.Note(other)
			if left := holds(); left != 0 {
				t.Errorf("after %v it holds for %v", other, left)
			}
		}
	})
}
