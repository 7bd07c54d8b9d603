package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sts-helper/sts-helper/internal/display"
)

// flagError is err with the flag that was probably meant, for one that there is not.
func flagError(cmd *cobra.Command, err error) error {
	if own, ok := errors.AsType[usageError](err); ok { // of an [outputForm]
		return own
	}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok || len(unknown.GetSpecifiedName()) < 2 {
		return usageError{err}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if hint := display.DidYouMean(unknown.GetSpecifiedName(), names); hint != "" {
		return usageError{fmt.Errorf("%w; %s", err, strings.Replace(hint, `"`, `"--`, 1))}
	}
	return usageError{fmt.Errorf("%w; for all there are run: %s --help", err, cmd.CommandPath())}
}

// commandError refuses a command that there is not below cmd, with the one that was probably meant.
func commandError(cmd *cobra.Command, name string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usageError{fmt.Errorf("unknown command %s; %s", display.Quote(name), cmp.Or(display.DidYouMean(name, names), "run: "+cmd.CommandPath()+" --help"))}
}
