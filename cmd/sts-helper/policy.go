package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/policy"
)

const policyHelp = `Build, check or show a session policy: what narrows a federation token or a role session.

    sts-helper policy --allow 'ec2:Describe*' --allow ec2:run_instances --deny ec2:DescribeImages

prints the policy that these settings make. Without any --allow it denies everything.`

func (p *program) policyCommand() *cobra.Command {
	var allow, deny, resource []string
	cmd := &cobra.Command{
		Use:   "policy [flags]",
		Short: "Build, check or show a session policy",
		Long:  policyHelp,
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			built, err := policy.New().Allow(allow...).Deny(deny...).Resource(resource...).Build()
			if err != nil {
				return usageError{err}
			}
			text := built.Pretty()
			for _, finding := range policy.Check([]byte(text)) { // as "policy check" says them of the output
				fmt.Fprintf(p.stderr, "policy:%s\n", display.Safe(finding.String()))
			}
			_, err = io.WriteString(p.stdout, text)
			return err
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&allow, "allow", nil, "`ACTION` to allow; repeatable")
	f.StringArrayVar(&deny, "deny", nil, "`ACTION` to deny; repeatable")
	f.StringArrayVar(&resource, "resource", nil, "`ARN` that --allow is about; repeatable")
	cmd.AddCommand(p.policyCheckCommand(), p.policyShowCommand())
	return cmd
}

func (p *program) policyCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Say what is wrong with a written policy (exit code 3 where it cannot be used)",
		Long:  "Say what is wrong with a written policy, and how long it is, without asking AWS:\n\n    sts-helper policy check policy.json",
		Args:  oneArgument("FILE, the policy to check (- is standard input)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := readInput(cmd.Context(), args[0])
			if cmd.Context().Err() != nil {
				return err
			}
			if err != nil {
				return usageError{fmt.Errorf("%s cannot be read: %w; name a file with a policy, or - for standard input", display.Safe(args[0]), err)}
			}
			parsed, err := policy.Parse(data)
			for _, finding := range policy.Check(data) {
				fmt.Fprintf(p.stdout, "%s:%s\n", display.Safe(args[0]), display.Safe(finding.String()))
			}
			if err != nil {
				return &settings.Error{Kind: settings.Config, Where: display.Safe(args[0]), What: "the policy cannot be used", Err: err}
			}
			_, err = fmt.Fprintf(p.stdout, "%s: %d of %d characters\n", display.Safe(args[0]), parsed.Len(), policy.MaxLength)
			return err
		},
	}
}

func (p *program) policyShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show [flags]",
		Short: "Print the session policies that these settings send",
		Long:  "Print the session policies that these settings send:\n\n    sts-helper policy show --role-arn arn:aws:iam::111122223333:role/deploy --allow s3:GetObject",
		Args:  noArguments,
	}
	flags := addSettings(cmd.Flags())
	cmd.RunE = func(*cobra.Command, []string) error {
		req, err := settings.Load(flags, p.env)
		if err != nil {
			return err
		}
		if req.Policy == "" && len(req.PolicyARNs) == 0 {
			_, err = fmt.Fprintf(p.stdout, "%s sends no session policy\n", req.Operation)
			return err
		}
		if req.Policy != "" {
			parsed, err := policy.Parse([]byte(req.Policy))
			if err != nil {
				return err
			}
			if _, err := io.WriteString(p.stdout, parsed.Pretty()); err != nil {
				return err
			}
		}
		for _, arn := range req.PolicyARNs {
			if _, err := fmt.Fprintln(p.stdout, display.Safe(arn)); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
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
