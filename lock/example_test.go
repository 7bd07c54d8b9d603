package lock_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sts-helper/sts-helper/lock"
)

// One process at a time does the work; the others wait, for as long as their context lasts.
func Example() {
	dir, err := os.MkdirTemp("", "lock")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "token.lock")

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	held, err := lock.Acquire(ctx, path, lock.Holder{Purpose: "a token for dev"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = lock.Try(path, lock.Holder{Purpose: "another"})
	who, known := lock.ReadHolder(path)
	fmt.Println(errors.Is(err, lock.ErrBusy), known, who.PID == os.Getpid(), who.Purpose)

	held.Release()
	held, err = lock.Try(path, lock.Holder{Purpose: "another"})
	fmt.Println(err)
	held.Release()
	// Output:
	// true true true a token for dev
	// <nil>
}
