package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
)

// Find is the file that a command runs, as Windows looks for it (PATHEXT). The errors are
// [ErrNotFound], or say why it cannot be run.
func Find(command, _ string) (string, error) {
	file, err := exec.LookPath(command)
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return "", ErrNotFound
	case err != nil:
		return "", fmt.Errorf("%w: %w", errCannotRun, err)
	}
	return file, nil
}

// Become runs the program in file with this process's streams, waits for it, and gives its exit code:
// Windows has no way to become another program. Ctrl-C reaches the program as well, and it decides.
func Become(file string, args, env []string) (exit int, err error) {
	signal.Ignore(os.Interrupt)
	cmd := exec.Command(file, args[1:]...)
	cmd.Args, cmd.Env = args, env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return ended.ExitCode(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errCannotRun, err)
	}
	return 0, nil
}
