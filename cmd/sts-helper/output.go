package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/display"
)

// addOutput gives a command the flag --output, with the forms text and json.
func addOutput(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVar(into, "output", "text", "`FORM` of the output: text, json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

func checkOutput(output string) error {
	if output != "text" && output != "json" {
		return usageError{fmt.Errorf("--output is text or json, not %s", display.Quote(output))}
	}
	return nil
}

// printJSON writes the one document of --output json.
func (p *program) printJSON(v any) error { return writeJSON(p.stdout, v) }

func writeJSON(to io.Writer, v any) error {
	enc := json.NewEncoder(to)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
