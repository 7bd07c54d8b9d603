package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sts-helper/sts-helper/internal/failure"
)

// mostUsed are the settings that the help of every command shows; the others are in "help settings".
var mostUsed = []string{"profile", "source-profile", "role-arn", "duration", "region"}

// policyGroup is the group of the settings that make a session policy.
const policyGroup = 2

// settingGroups are all settings by what they are about, in the order of "help settings".
var settingGroups = []struct {
	title string
	flags []string
}{
	{"Which credentials", []string{"profile", "role-arn", "duration", "region", "federation-name", "granted", "target-principal", "task-policy-arn"}},
	{"What signs the request", []string{"source-profile", "credentials-file", "source-key", "source-command", "certificate", "private-key", "certificate-chain", "trust-anchor-arn", "anywhere-profile-arn", "anywhere-role-arn",
		"web-identity", "web-identity-token-file", "web-identity-token-command", "saml-assertion-file", "saml-assertion-command", "principal-arn"}},
	{"What they may do", []string{"read-only", "allow", "deny", "resource", "policy", "policy-arn", "no-policy", "description"}},
	{"The session of a role", []string{"role-session-name", "external-id", "source-identity", "tag", "transitive-tag", "session-duration"}},
	{"MFA", []string{"mfa-serial", "mfa-code", "mfa-process", "prompt"}},
	{"The STS that is asked", []string{"endpoint-url", "fips", "dual-stack"}},
	{"How it is gone about", []string{"cache-dir", "no-cache", "wait", "verbose"}},
}

// useHelp gives a command and those below it a help that shows its own flags, then the settings most used.
func useHelp(root *cobra.Command) {
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := fmt.Fprint(cmd.OutOrStderr(), usage(cmd))
		return err
	})
	for name, text := range map[string]func() string{
		"settings":   func() string { return settingsHelp(root) },
		"exit-codes": exitsHelp,
	} {
		topic := &cobra.Command{Use: name, Long: "shown by its help", Hidden: true}
		topic.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), text()) })
		root.AddCommand(topic)
	}
}

func exitsHelp() string {
	var out strings.Builder
	out.WriteString("How a run ended is in its exit code:\n\n")
	for _, e := range failure.Exits() {
		fmt.Fprintf(&out, "  %3d  %s\n", e.Code, e.Meaning)
	}
	return out.String()
}

func usage(cmd *cobra.Command) string {
	var out strings.Builder
	out.WriteString("Usage:\n  " + cmd.UseLine() + "\n")
	if cmd.HasAvailableSubCommands() {
		out.WriteString("\nCommands:\n")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				fmt.Fprintf(&out, "  %-12s %s\n", c.Name(), c.Short)
			}
		}
	}
	own, most := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	own.SortFlags, most.SortFlags = false, false
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, setting := f.Value.(*settingFlag); !setting {
			own.AddFlag(f)
		}
	})
	shown := mostUsed
	if name := cmd.Name(); name == "grant" || name == "show" { // which are about policies
		shown = slices.Concat(mostUsed, settingGroups[policyGroup].flags)
	}
	for _, name := range shown {
		if f := cmd.LocalFlags().Lookup(name); f != nil && own.Lookup(name) == nil {
			most.AddFlag(f)
		}
	}
	if own.HasAvailableFlags() {
		out.WriteString("\nFlags:\n" + flagUsages(own))
	}
	if most.HasAvailableFlags() {
		out.WriteString("\nSettings, the most used; for all run: sts-helper help settings\n" + flagUsages(most))
	}
	return out.String()
}

// flagUsages is what there is to say about flags, without the values that every switch takes.
func flagUsages(set *pflag.FlagSet) string {
	const gap = "   " // between a flag and its text, and in no flag
	var flags, texts []string
	widest := 0
	for line := range strings.Lines(strings.ReplaceAll(set.FlagUsages(), "[=true|false]", "")) {
		body := strings.TrimLeft(line, " ")
		flag, text, _ := strings.Cut(body, gap)
		flag = line[:len(line)-len(body)] + flag
		flags, texts, widest = append(flags, flag), append(texts, strings.TrimLeft(text, " ")), max(widest, len(flag))
	}
	var out strings.Builder
	for i, flag := range flags {
		out.WriteString(flag + strings.Repeat(" ", widest-len(flag)) + gap + texts[i])
	}
	return out.String()
}

func settingsHelp(root *cobra.Command) string {
	var out strings.Builder
	out.WriteString("Every setting is a flag, a variable, and a key in [profile.NAME] of config.toml, the flag's name with _\n" +
		"for -. A flag wins over a variable, a variable over the file. Every command that takes a profile takes them.\n")
	for _, g := range settingGroups {
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		set.SortFlags = false
		for _, name := range g.flags {
			if f := root.Flags().Lookup(name); f != nil {
				set.AddFlag(f)
			}
		}
		out.WriteString("\n" + g.title + ":\n" + flagUsages(set))
	}
	return out.String()
}
