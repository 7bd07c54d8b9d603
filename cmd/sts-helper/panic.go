package main

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/sts-helper/sts-helper/internal/failure"
)

// recovered runs the command line and makes an error of a panic. The runtime would end the process
// with 2, which is the exit code of a wrong command line: a service manager that is told not to start
// such a server again would leave it down.
func (p *program) recovered(ctx context.Context, args []string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = bug(v)
			if wantsStack(args, p.env.Getenv) {
				fmt.Fprintf(p.stderr, "%s", debug.Stack())
			}
		}
	}()
	return p.execute(ctx, args)
}

// bug is the error of a panic. What was panicked with may hold anything, a secret as well; only the
// runtime's own errors are known to hold none.
func bug(v any) error {
	text := fmt.Sprintf("a panic (%T)", v)
	if own, ok := v.(runtime.Error); ok {
		text = own.Error()
	}
	e := &failure.Error{Class: failure.Internal, Text: fmt.Sprintf("this is a bug in sts-helper: %s in %s", text, panicked())}
	return e.Do("report it with what -v and \"sts-helper version\" show, at https://github.com/sts-helper/sts-helper/issues")
}

// panicked is the function, file and line that a panic came from, called while it is being recovered.
func panicked() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for below := false; ; {
		f, more := frames.Next()
		if below && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s (%s:%d)", path.Base(f.Function), path.Base(f.File), f.Line)
		}
		below = below || f.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}

// wantsStack reports whether -v was given, looking no further than the line and the variable: what
// reads them properly may be what has panicked.
func wantsStack(args []string, getenv func(string) string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	on, _ := strconv.ParseBool(getenv("STS_HELPER_VERBOSE"))
	return on || slices.Contains(args, "-v") || slices.Contains(args, "--verbose")
}
