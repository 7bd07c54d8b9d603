// Package await gives up waiting for calls that know no context.
package await

import "context"

// Call gives what call returns, and where ctx ends first, ctx's error. The call is left behind then, as nothing can end
// it: it is for programs that end themselves now.
func Call[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done, stopped := make(chan result, 1), ctx.Done() // which may start to watch for signals
	go func() {
		value, err := call()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-stopped:
		var none T
		return none, ctx.Err()
	}
}
