//go:build unix && !linux

package child

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Ended waits until the process pid has ended; one that is not there has.
func Ended(pid int) (wait func() error, err error) {
	return func() error {
		for {
			if err := unix.Kill(pid, 0); errors.Is(err, unix.ESRCH) {
				return nil
			}
			time.Sleep(time.Second)
		}
	}, nil
}
