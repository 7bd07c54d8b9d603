//go:build unix

package mfa

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sts-helper/sts-helper/internal/display"
)

// console is the controlling terminal, opened for us alone: nothing that is done to this
// descriptor touches the streams we were started with.
type console struct {
	fd    int
	saved *unix.Termios // how we found it, where we had to change it
}

// openConsole opens /dev/tty if it can be read from without being stopped, and sees to it that it
// is in the state for typing a line: line by line, echoed, signals from keys. A full-screen
// program that runs us may have left it otherwise.
func openConsole() (*console, error) {
	fd, err := openTerminal()
	if err != nil {
		return nil, err
	}
	c := &console{fd: fd}
	have, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		c.close(false)
		return nil, fmt.Errorf("the terminal does not answer (%s)", display.Innermost(err))
	}
	want := *have
	want.Iflag |= unix.ICRNL
	want.Oflag |= unix.OPOST | unix.ONLCR
	want.Lflag |= unix.ICANON | unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ISIG
	if want != *have {
		if err := unix.IoctlSetTermios(fd, setTermios, &want); err != nil {
			c.close(false)
			return nil, fmt.Errorf("the terminal cannot be set up (%s)", display.Innermost(err))
		}
		c.saved = have
	}
	return c, nil
}

// openTerminal opens /dev/tty without waiting for anything, and refuses one that belongs to
// another process group at the moment: a read would stop this process with SIGTTIN, and the
// program that waits for us would hang.
func openTerminal() (int, error) {
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return -1, fmt.Errorf("no controlling terminal (%s)", display.Innermost(err))
	}
	c := &console{fd: fd}
	switch err := c.ours(); {
	case err != nil:
		c.close(false)
		return -1, err
	case fd >= unix.FD_SETSIZE: // select(2) could not wait for it
		c.close(false)
		return -1, errors.New("too many open files to use the terminal")
	}
	return fd, nil
}

// terminalUsable says why the controlling terminal cannot be used now, or nil.
func terminalUsable() error {
	fd, err := openTerminal()
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// ours is nil while our process group has the terminal.
func (c *console) ours() error {
	group, err := foregroundGroup(c.fd)
	if err != nil {
		return errClosed
	}
	if ours, err := unix.Getpgid(0); err != nil || group != ours {
		return errBackground
	}
	return nil
}

// write shows s, waiting while the user has stopped the output (Ctrl-S).
func (c *console) write(ctx context.Context, s string) error {
	for b := []byte(s); len(b) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.ours(); err != nil {
			return err
		}
		n, err := unix.Write(c.fd, b)
		switch {
		case err == nil:
			b = b[n:]
		case errors.Is(err, unix.EAGAIN):
			time.Sleep(20 * time.Millisecond)
		case !errors.Is(err, unix.EINTR):
			return errClosed
		}
	}
	return nil
}

// tryWrite writes what is only a courtesy, without waiting.
func (c *console) tryWrite(s string) {
	if c.ours() == nil {
		_, _ = unix.Write(c.fd, []byte(s))
	}
}

// readLine waits for a line, for the end of ctx, or for the end of the terminal. The kernel does
// the editing. It never blocks in read(2): another reader of this terminal may be quicker.
func (c *console) readLine(ctx context.Context) ([]byte, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("no pipe to wait with (%s)", display.Innermost(err))
	}
	defer r.Close()
	stop := context.AfterFunc(ctx, func() { _ = w.Close() }) // an ended pipe can be read
	defer func() { stop(); _ = w.Close() }()
	wake := int(r.Fd())
	if wake >= unix.FD_SETSIZE {
		return nil, errors.New("too many open files to wait for the terminal")
	}
	buf := make([]byte, 4096) // the longest line that the kernel edits
	for {
		var ready unix.FdSet
		ready.Set(c.fd)
		ready.Set(wake)
		_, err := unix.Select(max(c.fd, wake)+1, &ready, nil, nil, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return nil, fmt.Errorf("the terminal cannot be waited for (%s)", display.Innermost(err))
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			continue
		}
		// Ctrl-Z and bg may have taken the terminal from us meanwhile.
		if err := c.ours(); err != nil {
			return nil, err
		}
		n, err := unix.Read(c.fd, buf)
		switch {
		case err == nil && n > 0:
			return buf[:n], nil
		case err == nil || !(errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR)):
			return nil, errClosed
		}
	}
}

// discard throws away what was typed and not read.
func (c *console) discard() {
	if c.ours() == nil { // else it is another program's input, and asking would stop us (SIGTTOU)
		_ = flushInput(c.fd)
	}
}

// close gives the terminal back as it was found.
func (c *console) close(discard bool) {
	if discard {
		c.discard()
	}
	if c.saved != nil && c.ours() == nil {
		_ = unix.IoctlSetTermios(c.fd, setTermios, c.saved)
	}
	_ = unix.Close(c.fd)
}

func ignoringEINTR(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
