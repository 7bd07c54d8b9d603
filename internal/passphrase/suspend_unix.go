//go:build !windows

package passphrase

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// suspendable lets Ctrl-Z stop this process with the terminal as it was found before, and asks anew when it
// goes on; until then the terminal would not show what is typed at the shell.
func suspendable(fd int, before *term.State, w io.Writer, prompt string) (end func()) {
	asked, on, done := make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(asked, syscall.SIGTSTP)
	signal.Notify(on, syscall.SIGCONT)
	go func() {
		for {
			select {
			case <-asked:
			case <-done:
				return
			}
			hidden, err := term.GetState(fd)
			_ = term.Restore(fd, before)
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGSTOP)
			select { // this thread may run on before it is stopped
			case <-on:
			case <-done:
				return
			}
			if err == nil {
				_ = term.Restore(fd, hidden)
			}
			fmt.Fprint(w, "\n"+prompt)
		}
	}()
	return func() {
		signal.Stop(asked)
		signal.Stop(on)
		close(done)
	}
}
