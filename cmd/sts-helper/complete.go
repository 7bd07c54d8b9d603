package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// fixedValues are the values of flags that there are few of, or the usual ones of those.
func fixedValues(flag string) []string {
	return map[string][]string{
		"prompt": {"auto", "tty", "dialog", "never"}, "log-format": {"text", "json"}, "log-level": {"debug", "info", "warn", "error"},
		"env-format": envFormats, "env-token": tokenWays, "web-identity": {"github"},
		"duration": {"15m", "30m", "1h", "4h", "12h", "36h"}, "session-duration": {"1h", "12h", "24h", "36h"}, "wait": {"5s", "10s", "25s", "55s"},
		"destination": {"billing", "cloudformation", "cloudwatch", "dynamodb", "ec2", "ecs", "iam", "lambda", "rds", "s3", "systems-manager", "vpc"},
	}[flag]
}

// keyOf are the flags whose values are completed by what AWS's files have under a key.
func keyOf(flag string) string {
	return map[string]string{
		"region": awsconfig.KeyRegion, "role-arn": awsconfig.KeyRoleARN, "mfa-serial": awsconfig.KeyMFASerial, "external-id": "external_id",
		"role-session-name": "role_session_name", "endpoint-url": awsconfig.KeyEndpointURL, "sso-start-url": awsconfig.KeySSOStartURL,
		"sso-session": awsconfig.KeySSOSession, "account": awsconfig.KeySSOAccountID, "role": awsconfig.KeySSORoleName,
	}[flag]
}

// fileValues are what is in help texts for a value that is a file.
var fileValues = []string{"FILE", "DIR", "PATH", "SOCKET"}

// completeFlags gives the flags of all commands the values that the shell completes.
func (p *program) completeFlags(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil && !strings.Contains(cmd.Use, "FILE") && !cmd.HasSubCommands() {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if complete := p.valuesOf(f); complete != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, complete) // one that has one keeps it
		}
	})
	for _, c := range cmd.Commands() {
		p.completeFlags(c)
	}
}

// valuesOf is what completes the values of a flag, nil for files, which is what the shell does by itself.
func (p *program) valuesOf(f *pflag.Flag) cobra.CompletionFunc {
	s, setting := f.Value.(*settingFlag)
	name, _ := pflag.UnquoteUsage(f)
	switch {
	case fixedValues(f.Name) != nil:
		return cobra.FixedCompletions(fixedValues(f.Name), cobra.ShellCompDirectiveNoFileComp)
	case f.Name == "source-key":
		return func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
			return p.completeKeys(cmd, nil, word)
		}
	case f.Name == "source-profile":
		return p.completeAWSNames
	case slices.Contains([]string{"profile", "imds", "ecs-address"}, f.Name):
		return func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
			return p.completeNames(cmd, nil, word)
		}
	case keyOf(f.Name) != "":
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return p.configured(f.Name), cobra.ShellCompDirectiveNoFileComp
		}
	case setting && (s.Kind == settings.Path || s.Value == "CMD"), !setting && slices.Contains(fileValues, name):
		return nil
	case setting && s.Kind == settings.Bool:
		return cobra.FixedCompletions([]string{"true", "false"}, cobra.ShellCompDirectiveNoFileComp)
	}
	return cobra.NoFileCompletions
}

// configured are the values that AWS's files have of the key that a flag is about, each once.
func (p *program) configured(flag string) []string {
	var all []string
	if flag == "mfa-serial" {
		all = append(all, "auto")
	}
	files, err := settings.SharedFiles(p.env)
	if err != nil {
		return all
	}
	for _, name := range files.ProfileNames() {
		profile := files.Profile(name)
		if profile == nil {
			continue
		}
		if v := strings.TrimSpace(profile.Value(keyOf(flag))); v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, compareNames)
	return all
}
