package child

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Ended waits until the process pid has ended; one that is not there has. A number that is used again for
// another process does not mislead it, as long as the process lives when it is called.
func Ended(pid int) (wait func() error, err error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, err
	}
	return func() error {
		defer func() { _ = unix.Close(fd) }()
		for {
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1); !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	}, nil
}
