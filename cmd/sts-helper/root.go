package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/settings"
)

const longHelp = `sts-helper gives programs short-lived AWS credentials and lets all processes of a
machine share them: one call to STS, and one MFA code, however many ask at once.

Put it into ~/.aws/config and use the profile with any AWS SDK or tool:

    [profile dev]
    credential_process = sts-helper --source-profile base
    region = eu-west-1

Here "base" is a profile whose access key asks STS. Every setting can be a flag, a
variable STS_HELPER_..., or a key in [profile.NAME] of the config file; a flag wins
over a variable, a variable over the file.

"sts-helper setup" makes such profiles, of those that you have or of an access key.

Without a command sts-helper prints the credentials (the process command).`

func (p *program) execute(ctx context.Context, args []string) error {
	// Every SDK runs a line that is nothing but settings. The commands with all their flags are
	// not built for it: they would be a good part of the time that such a call takes. Whatever
	// else a line may be, help and mistakes among it, is left to them.
	if flags, err := settings.ParseFlags(args); err == nil && len(args) > 0 {
		return p.process(ctx, flags)
	}
	root := p.rootCommand()
	root.AddCommand(p.commands()...)
	checkTopics(root)
	useHelp(root)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		p.completeFlags(root)
	}
	root.SetArgs(args)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	return root.ExecuteContext(ctx)
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "sts-helper [flags]",
		Short:         "Short-lived AWS credentials, shared by every process of the machine",
		Long:          longHelp,
		Args:          noArguments,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(flagError)
	root.Version = versionLine()
	root.SetVersionTemplate("{{.Version}}\n")
	flags := addSettings(root.Flags())
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().NFlag() == 0 && p.terminal(p.stdout) {
			return cmd.Help() // secrets are not shown to a user who looks around
		}
		return p.process(cmd.Context(), flags)
	}
	return root
}

// commands are the commands beside the default one.
func (p *program) commands() []*cobra.Command {
	return append([]*cobra.Command{
		p.processCommand(),
		p.execCommand(),
		p.envCommand(),
		p.setupCommand(),
		p.keysCommand(),
		p.loginCommand(),
		p.logoutCommand(),
		p.statusCommand(),
		p.doctorCommand(),
		p.consoleCommand(),
		p.webIdentityCommand(),
		p.grantCommand(),
		p.acceptCommand(),
		p.policyCommand(),
		p.auditCommand(),
		p.serveCommand(),
		p.nodeAddressCommand(),
		p.healthcheckCommand(),
		p.versionCommand(),
	}, p.endpointCommands()...)
}

// noArguments refuses arguments; for a command that has others below it, one is a mistyped
// name of those.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && !cmd.HasSubCommands() {
		return usageError{fmt.Errorf("unexpected argument %q; %s takes flags only", display.Safe(args[0]), cmd.CommandPath())}
	}
	if len(args) > 0 {
		return commandError(cmd, args[0])
	}
	return nil
}

// oneArgument asks for exactly one argument, and says which.
func oneArgument(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch len(args) {
		case 1:
			return nil
		case 0:
			return usageError{fmt.Errorf("%s, is missing", what)}
		}
		return usageError{fmt.Errorf("unexpected argument %q; one is taken, %s", display.Safe(args[1]), what)}
	}
}

// atMostOne takes an argument or none, and is told what it is.
func atMostOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usageError{fmt.Errorf("unexpected argument %q; %s takes one %s", display.Safe(args[1]), cmd.CommandPath(), what)}
		}
		return nil
	}
}

// checkTopics makes help and completion, which are the library's, refuse what there is not.
func checkTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				if _, rest, err := root.Find(args); err != nil || len(rest) > 0 {
					return commandError(root, strings.Join(args, " "))
				}
				return nil
			}
		case "completion":
			cmd.Args = cobra.ArbitraryArgs
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return usageError{fmt.Errorf("there is no completion for %q, only for bash, zsh, fish and powershell", display.Safe(args[0]))}
				}
				return cmd.Help()
			}
		}
	}
}

// addSettings gives a command every setting as a flag. What was given is noted in the
// result; package settings makes sense of it.
func addSettings(set *pflag.FlagSet, except ...string) settings.Flags {
	given := settings.Flags{}
	set.SortFlags = false
next:
	for _, s := range settings.Settings() {
		for _, name := range except {
			if s.Flag == name {
				continue next
			}
		}
		f := set.VarPF(&settingFlag{given, s}, s.Flag, s.Short, s.Help+" ["+s.Env+"]")
		if s.Kind == settings.Bool {
			f.NoOptDefVal = "true"
		}
	}
	return given
}

// settingFlag is one setting as a flag: it takes any text.
type settingFlag struct {
	given settings.Flags
	settings.Setting
}

func (f *settingFlag) Set(value string) error { f.given.Set(f.Flag, value); return nil }
func (f *settingFlag) String() string         { return "" }

func (f *settingFlag) Type() string {
	if f.Kind == settings.Bool {
		return "bool"
	}
	return f.Value
}

// logger is where -v goes.
func (p *program) logger(verbose bool) *slog.Logger {
	if !verbose && p.terminal(p.stderr) {
		return slog.New(&waitHandler{say: p.progress})
	}
	if !verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
