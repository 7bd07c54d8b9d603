package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/audit"
	"github.com/sts-helper/sts-helper/internal/child"
	"github.com/sts-helper/sts-helper/internal/direct"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/render"
	"github.com/sts-helper/sts-helper/internal/settings"
)

const execHelp = `Run a command with credentials in its environment, and in nothing else:

    sts-helper exec dev -- aws s3 ls
    sts-helper exec dev -- terraform apply
    sts-helper exec dev --allow s3:GetObject --resource 'arn:aws:s3:::logs/*' -- ./read-logs
    sts-helper exec --source-profile base --duration 1h -- bash

PROFILE is an entry of config.toml or, as for "sts-helper login", a profile of ~/.aws/config.

sts-helper becomes the command: no process stands between it and the terminal, so that signals, job
control and its exit status are its own. Where it cannot be run the exit status is 127 (not found) or
126 (cannot be run), as in a shell. On Windows sts-helper waits for it.

What the command gets are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN,
AWS_CREDENTIAL_EXPIRATION, and where they are known AWS_ACCOUNT_ID, AWS_REGION and
AWS_DEFAULT_REGION. What would lead to other credentials is taken out: AWS_PROFILE and the
variables of keys, roles, containers, web identity and bearer tokens.

Variables are not renewed. For a command that runs for longer than its credentials last, --serve
gives it an endpoint on loopback instead (AWS_CONTAINER_CREDENTIALS_FULL_URI and a token of its own),
which answers this user's processes only, and ends with the command. Where AWS's files name
credentials for the default profile, which SDKs would prefer, the command does not see that file.`

// execVariable marks what runs below exec, with the name of the credentials.
const execVariable = "STS_HELPER_EXEC"

// Exit codes of a command that could not be run, as POSIX has them for env(1).
const (
	exitNotFound  = 127
	exitCannotRun = 126
)

// exitError is an error with an exit code of its own.
type exitError struct {
	error
	code int
}

func (e exitError) Unwrap() error { return e.error }

func (p *program) execCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec [PROFILE] [flags] -- COMMAND [ARG...]",
		Short: "Run a command with credentials in its environment",
		Long:  execHelp,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if dash := cmd.ArgsLenAtDash(); dash >= 0 && dash < len(args) { // cobra adds one at the end
				return nil, cobra.ShellCompDirectiveDefault
			}
			return p.completeName(cmd, args, word)
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; flags of the command to run come after --", flagError(cmd, err))}
	})
	var serve bool
	cmd.Flags().BoolVar(&serve, "serve", false, "give credentials by an endpoint of the command's own, which renews them as long as it runs")
	flags := addSettings(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		profile, command, err := splitCommand(args, cmd.ArgsLenAtDash())
		if err != nil {
			return err
		}
		name, err := p.oneName(cmd.Context(), profile, flags)
		if err != nil {
			return err
		}
		return p.exec(cmd.Context(), name, flags, command, serve)
	}
	return cmd
}

// splitCommand separates what names the credentials from the command to run, which begins after the
// dash-th argument.
func splitCommand(args []string, dash int) (profile, command []string, err error) {
	switch {
	case dash < 0 && len(args) > 0:
		return nil, nil, usageError{fmt.Errorf("write -- before the command to run, as in: sts-helper exec %s -- %s",
			display.ShellWord(args[0]), display.Safe(strings.Join(slices.Concat(args[1:], []string{"COMMAND"})[:max(1, len(args)-1)], " ")))}
	case dash < 0 || len(args) == dash:
		return nil, nil, usageError{errors.New("the command to run is missing; write it after --, as in: sts-helper exec dev -- aws s3 ls")}
	case dash > 1:
		return nil, nil, usageError{fmt.Errorf("unexpected argument %q; one PROFILE comes before --", display.Safe(args[1]))}
	}
	return args[:dash], args[dash:], nil
}

func (p *program) exec(ctx context.Context, name string, flags settings.Flags, command []string, serve bool) error {
	if err := p.notNested(name, command); err != nil {
		return err
	}
	// Before a user is asked for a code.
	file, err := child.Find(command[0], p.env.Getenv("PATH"))
	if err != nil {
		return cannotRun(command[0], err)
	}
	var environ []string
	if serve {
		environ, err = p.execServe(ctx, name, flags, command[0])
	} else {
		environ, err = p.execVariables(ctx, name, flags, file)
	}
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return p.become(file, command, environ)
}

// execVariables is the environment for a command that gets credentials in it. This process becomes it.
func (p *program) execVariables(ctx context.Context, name string, flags settings.Flags, file string) ([]string, error) {
	t, answer, err := p.tokenOf(ctx, name, flags)
	if err != nil {
		return nil, err
	}
	if c := audit.Config(t.Request().Audit); c.On() {
		l := line(audit.Exec, t.Request().Name, answer.Token)
		l.UID, l.PID, l.Program = os.Getuid(), os.Getpid(), file
		p.log(c, l)
	}
	environ := render.Clean(child.Environ(execVariable + "=" + t.name))
	for _, v := range render.Variables(answer.Token.Credentials, t.Request().Region) {
		environ = assign(environ, v)
	}
	return environ, nil
}

// become runs the command in the place of this process.
func (p *program) become(file string, command, environ []string) error {
	direct.Soften()
	code, err := child.Become(file, command, environ)
	if err != nil {
		return cannotRun(command[0], err)
	}
	os.Exit(code) // where a system cannot do better than wait for it
	return nil
}

func cannotRun(command string, err error) error {
	if errors.Is(err, child.ErrNotFound) {
		return exitError{fmt.Errorf("%s: %w", display.Safe(command), err), exitNotFound}
	}
	return exitError{fmt.Errorf("%s %w", display.Safe(command), err), exitCannotRun}
}

// notNested refuses to run below another exec, whose variables would be taken for the source of these
// credentials. For the same name it is no mistake: scripts that protect themselves call each other.
func (p *program) notNested(name string, command []string) error {
	outer := p.env.Getenv(execVariable)
	if outer == "" || outer == display.Safe(name) {
		return nil
	}
	line := "env -u " + execVariable + " sts-helper exec "
	if name != "" {
		line += display.ShellWord(name) + " "
	}
	for i := range command {
		command[i] = display.ShellWord(command[i])
	}
	return usageError{fmt.Errorf("this runs inside \"sts-helper exec %s\" already; leave that first, or, where the other credentials are meant, run: %s-- %s",
		display.Safe(outer), line, strings.Join(command, " "))}
}

// assign sets a variable of an environment.
func assign(environ []string, v render.Variable) []string {
	environ = slices.DeleteFunc(environ, func(kv string) bool { return strings.HasPrefix(kv, v.Name+"=") })
	return append(environ, v.String())
}
