package mfa

import (
	"context"
	"fmt"

	"golang.org/x/sys/windows"

	"github.com/sts-helper/sts-helper/internal/await"
)

// console is the console of this process, whatever its standard handles are.
type console struct {
	in, out windows.Handle
	mode    uint32 // of in, as we found it
}

func openConsole() (*console, error) {
	in, err := openDevice("CONIN$")
	if err != nil {
		return nil, fmt.Errorf("no console (%w)", err)
	}
	out, err := openDevice("CONOUT$")
	if err != nil {
		_ = windows.CloseHandle(in)
		return nil, fmt.Errorf("no console (%w)", err)
	}
	c := &console{in: in, out: out}
	if err := windows.GetConsoleMode(in, &c.mode); err != nil {
		c.shut()
		return nil, fmt.Errorf("the console does not answer (%w)", err)
	}
	want := c.mode | windows.ENABLE_LINE_INPUT | windows.ENABLE_ECHO_INPUT | windows.ENABLE_PROCESSED_INPUT
	if err := windows.SetConsoleMode(in, want); err != nil {
		c.shut()
		return nil, fmt.Errorf("the console cannot be set up (%w)", err)
	}
	return c, nil
}

func openDevice(name string) (windows.Handle, error) {
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return 0, err
	}
	return windows.CreateFile(p, windows.GENERIC_READ|windows.GENERIC_WRITE,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
}

func terminalUsable() error {
	c, err := openConsole()
	if err != nil {
		return err
	}
	c.close(false)
	return nil
}

func terminalName() string { return "console" }

func (c *console) write(_ context.Context, s string) error {
	u, err := windows.UTF16FromString(s)
	if err != nil {
		return err
	}
	var n uint32
	if err := windows.WriteConsole(c.out, &u[0], uint32(len(u)-1), &n, nil); err != nil {
		return errClosed
	}
	return nil
}

func (c *console) tryWrite(s string) { _ = c.write(context.Background(), s) }

// readLine waits for a line. A console read cannot be given a deadline: it runs in a goroutine
// of its own, is cancelled when ctx ends, and cannot keep the process from exiting.
func (c *console) readLine(ctx context.Context) ([]byte, error) {
	line, err := await.Call(ctx, func() ([]byte, error) {
		var buf [256]uint16
		var n uint32
		err := windows.ReadConsole(c.in, &buf[0], uint32(len(buf)), &n, nil)
		return []byte(windows.UTF16ToString(buf[:n])), err
	})
	switch {
	case ctx.Err() != nil:
		_ = windows.CancelIoEx(c.in, nil)
		return nil, ctx.Err()
	case err != nil || len(line) == 0: // Ctrl-C ends the read without text
		return nil, errClosed
	}
	return line, nil
}

func (c *console) discard() { _ = windows.FlushConsoleInputBuffer(c.in) }

func (c *console) close(discard bool) {
	if discard {
		c.discard()
	}
	_ = windows.SetConsoleMode(c.in, c.mode)
	c.shut()
}

func (c *console) shut() {
	_ = windows.CloseHandle(c.in)
	_ = windows.CloseHandle(c.out)
}
