package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/display"
)

// outputForm is the value of a flag --output.
type outputForm string

const (
	outputText outputForm = "text"
	outputJSON outputForm = "json"
)

func (o *outputForm) Set(value string) error {
	if *o = outputForm(value); *o != outputText && *o != outputJSON {
		return usageError{fmt.Errorf("--output is text or json, not %s", display.Quote(value))}
	}
	return nil
}

func (o *outputForm) String() string { return string(*o) }

// Type is that of a text: the help shows its default in quotes.
func (*outputForm) Type() string { return "string" }

// addOutput gives a command the flag --output.
func addOutput(cmd *cobra.Command, into *outputForm) {
	*into = outputText
	cmd.Flags().Var(into, "output", "`FORM` of the output: text, json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{string(outputText), string(outputJSON)}, cobra.ShellCompDirectiveNoFileComp))
}

// printJSON writes the one document of --output json.
func (p *program) printJSON(v any) error { return writeJSON(p.stdout, v) }

func writeJSON(to io.Writer, v any) error {
	enc := json.NewEncoder(to)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
