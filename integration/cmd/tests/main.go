// Command tests runs "go test" with its arguments, prints what that prints, and names at the end
// each test that was skipped and why, which "go test" does not say. It ends with the line
// "N passed, N failed, N skipped" and with go test's exit code.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() { os.Exit(run(os.Stdout, os.Stderr, os.Args[1:])) }

func run(stdout, stderr io.Writer, args []string) int {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = stderr
	events, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return 1
	}
	s := newSummary(stdout)
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		s.line(line)
		if err != nil {
			break
		}
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	code := 0
	switch {
	case errors.As(err, &exit):
		code = max(exit.ExitCode(), 1) // a signal is no success
	case err != nil:
		_, _ = fmt.Fprintln(stderr, err)
		code = 1
	}
	return max(code, s.end(code))
}
