//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/sts-helper/sts-helper/internal/child"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// The endpoint of "exec --serve" is a process beside the command, which it serves until that has ended:
// exec itself becomes the command here too. A parent would have to pass on signals, stops, the
// terminal and the exit status, and could not do it unnoticed. The endpoint is no child of the
// command either, which may wait for all of its children: a process in between starts it and ends.

// endpointCommand is the name of the command that serves the process with the id that follows, and of the
// one that starts it.
const (
	endpointCommand      = "exec-endpoint"
	startEndpointCommand = "start-exec-endpoint"
)

// runFlag gives the endpoint the description of the run's own session.
const runFlag = "run-description"

// maxAddress bounds the line that says where an endpoint is.
const maxAddress = 4 << 10

// endpointWait is longer than the start of an endpoint may take: see startWait.
const endpointWait = 30 * time.Second

// startEndpoint starts the endpoint for the command that this process is about to become.
func (p *program) startEndpoint(ctx context.Context, name, description string, flags settings.Flags) (endpointAddress, error) {
	program, err := os.Executable()
	if err != nil {
		return endpointAddress{}, err
	}
	args := append([]string{startEndpointCommand, strconv.Itoa(os.Getpid())}, asArguments(flags)...)
	if description != "" {
		args = append(args, "--"+runFlag, description)
	}
	if name != "" {
		args = append(args, "--", name)
	}
	limited, cancel := context.WithTimeout(ctx, endpointWait)
	defer cancel()
	r := child.Command{Path: program, Args: args, Env: withoutManager(child.Environ()), Limit: maxAddress}.Run(limited)
	if ctx.Err() != nil {
		return endpointAddress{}, context.Cause(ctx)
	}
	var at endpointAddress
	if !r.Failed() {
		err = json.Unmarshal(r.Out, &at)
	}
	if r.Failed() || err != nil {
		return endpointAddress{}, &failure.Error{Class: failure.ClassOfExit(r.Exit), Text: "the endpoint for the command did not start: " + strings.TrimPrefix(r.Stderr, "sts-helper: ")}
	}
	return at, nil
}

// endpointCommands are the commands that exec runs itself by.
func (p *program) endpointCommands() []*cobra.Command {
	endpoint := &cobra.Command{Use: endpointCommand + " PID [PROFILE]", Hidden: true, Args: cobra.RangeArgs(1, 2)}
	flags := addSettings(endpoint.Flags(), "profile", "mfa-code")
	description := endpoint.Flags().String(runFlag, "", "")
	endpoint.RunE = func(cmd *cobra.Command, args []string) error {
		return p.serveProcess(cmd.Context(), args[0], first(args[1:]), *description, flags)
	}
	start := &cobra.Command{Use: startEndpointCommand, Hidden: true, DisableFlagParsing: true}
	start.RunE = func(_ *cobra.Command, args []string) error {
		program, err := os.Executable()
		if err != nil {
			return err
		}
		line, err := child.Command{Path: program, Args: append([]string{endpointCommand}, args...), Env: child.Environ(), Limit: maxAddress}.Leave(p.stderr)
		if err != nil {
			code := failure.Internal.ExitCode()
			var ended interface{ ExitCode() int } // of package os/exec
			if errors.As(err, &ended) && ended.ExitCode() > 0 {
				code = ended.ExitCode()
			}
			return exitError{errors.New("the endpoint ended"), code}
		}
		_, err = p.stdout.Write(line)
		return err
	}
	return []*cobra.Command{endpoint, start}
}

// serveProcess answers until the process with the id has ended.
func (p *program) serveProcess(ctx context.Context, id, name, description string, flags settings.Flags) error {
	pid, err := strconv.Atoi(id)
	if err != nil {
		return usageError{err}
	}
	wait, err := child.Ended(pid)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	at, run, err := p.openEndpoint(ctx, name, description, flags)
	if err != nil {
		return err
	}
	// Where this fails, the process whose number it was has ended before it became the command.
	if _, err := p.stdout.Write(at.line()); err != nil {
		return err
	}
	if err := leaveStreams(); err != nil {
		return err
	}
	go func() {
		_ = wait()
		stop()
	}()
	return run()
}

// leaveStreams gives up the streams of the process that started this one, so that they see their end.
func leaveStreams() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }()
	for fd := range 3 {
		if err := unix.Dup2(int(null.Fd()), fd); err != nil {
			return err
		}
	}
	return nil
}

// first is the first of some arguments, "" where there is none.
func first(args []string) string { return strings.Join(args[:min(1, len(args))], "") }
