package child

import "os/exec"

// Detach starts the command where it goes on after this process: in a session of its own, without
// a terminal and without pipes. A browser is started that way. ended is given how it ended, if it
// does while this process lives; Failed reports whether it ended well.
func (c Command) Detach() (ended <-chan Result, err error) {
	cmd := exec.Command(c.Path, c.Args...) // what runs is the user's own setting, or the system's
	cmd.Env, cmd.Dir = c.Env, c.Dir
	if cmd.Env == nil {
		cmd.Env = []string{}
	}
	cmd.SysProcAttr = detached(c)
	restore := setCloseOnExec()
	err = cmd.Start()
	restore()
	if err != nil {
		return nil, err
	}
	done := make(chan Result, 1)
	go func() {
		r := Result{Err: cmd.Wait()}
		if cmd.ProcessState != nil {
			r.Err, r.Exit = nil, cmd.ProcessState.ExitCode()
		}
		done <- r
	}()
	return done, nil
}
