//go:build unix

package child

import (
	"io"
	"os/exec"
	"syscall"
)

// Leave starts the command in a session of its own and gives what it wrote to stdout until it closed it.
// It goes on running after this process has ended; its stderr is this process's.
func (c Command) Leave(stderr io.Writer) ([]byte, error) {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env, cmd.Dir, cmd.Stderr = c.Env, c.Dir, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	restore := setCloseOnExec()
	err = cmd.Start()
	restore()
	if err != nil {
		return nil, err
	}
	said, err := io.ReadAll(io.LimitReader(out, int64(c.Limit)))
	if len(said) == 0 && err == nil {
		err = cmd.Wait()
	}
	return said, err
}
