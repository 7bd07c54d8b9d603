//go:build unix

package child

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Find is the file that a command runs, looked for in path, a value of PATH, as execvp(3) does: a name with
// a slash is a file, an empty folder is the working folder, and what may not be run is passed over.
// The error is [ErrNotFound], or says why the file cannot be run.
func Find(command, path string) (string, error) {
	if strings.Contains(command, "/") {
		return command, runnable(command)
	}
	if command == "" {
		return "", ErrNotFound
	}
	if path == "" {
		path = "/usr/bin:/bin" // as confstr(_CS_PATH) has it
	}
	err := error(ErrNotFound)
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, command)
		if dir == "" || dir == "." {
			file = "./" + command
		}
		switch why := runnable(file); {
		case why == nil:
			return file, nil
		case errors.Is(why, errCannotRun):
			err = why
		}
	}
	return "", err
}

// runnable reports why a file cannot be run.
func runnable(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return ErrNotFound
	case err != nil:
		return fmt.Errorf("%w: %w", errCannotRun, errnoOf(err))
	case info.IsDir():
		return fmt.Errorf("%w: it is a directory", errCannotRun)
	}
	if err := unix.Faccessat(unix.AT_FDCWD, file, unix.X_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("%w: %w", errCannotRun, errnoOf(err))
	}
	return nil
}

func errnoOf(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}

// Become makes this process the program in file, with its arguments (its own name first) and its whole
// environment, and returns only where that fails; the exit code is then of no meaning. A file that is no
// program is a script for the shell, as it is for execvp(3).
//
// Open files, signal mask, working folder, terminal and process group stay as they were. Signals that were ignored
// when this process started are ignored as far as Go's runtime lets that be known: SIGHUP and SIGINT, and
// those of job control. What the runtime takes for itself (os/signal) is back at its default.
func Become(file string, args, env []string) (exit int, err error) {
	signal.Reset() // also gives back SIG_IGN where SIGHUP and SIGINT were found so
	runtime.LockOSThread()
	afterForkInChild()
	err = syscall.Exec(file, args, env)
	if errors.Is(err, syscall.ENOEXEC) {
		err = syscall.Exec("/bin/sh", append([]string{"sh", file}, args[1:]...), env)
	}
	if errors.Is(err, syscall.ENOENT) { // of the interpreter that a script names
		err = errors.New("its interpreter is not there")
	}
	return 0, fmt.Errorf("%w: %w", errCannotRun, err)
}
