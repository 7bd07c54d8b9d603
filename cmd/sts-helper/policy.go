package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/policy"
)

const policyHelp = `Build, check or show a session policy: what narrows a session, whatever it is made from.

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

const policyCheckHelp = `Say what is wrong with a written policy, and how long it is, without asking AWS:

    sts-helper policy check policy.json

AWS packs policies and tags into the session token, in a way that only AWS can measure, and refuses what
makes it longer than 4,096 bytes. --measure has a session made with the policy, throws it away, and says
how much of a token it takes; the settings say whose session:

    sts-helper policy check policy.json --measure --source-profile base`

func (p *program) policyCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check FILE [flags]",
		Short: "Say what is wrong with a written policy (exit code 3 where it cannot be used)",
		Long:  policyCheckHelp,
		Args:  oneArgument("FILE, the policy to check (- is standard input)"),
	}
	var output outputForm
	addOutput(cmd, &output)
	measure := cmd.Flags().Bool("measure", false, "ask AWS how much of a session token the policy takes")
	flags := addSettings(cmd.Flags(), "policy", "policy-arn", "allow", "deny", "resource", "read-only", "no-policy", "granted", "no-cache")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case !*measure && len(flags) > 0:
			return usageError{errors.New("the settings say whose session the policy is measured with; add --measure")}
		case *measure && args[0] == "-":
			return usageError{errors.New("--measure takes a file, and not standard input")}
		}
		if output == outputJSON && *measure {
			return usageError{errors.New("--measure prints text; leave out --output json")}
		}
		if err := p.checkPolicy(cmd.Context(), args[0], output == outputJSON); err != nil || !*measure {
			return err
		}
		return p.measurePolicy(cmd.Context(), args[0], flags)
	}
	return cmd
}

// checkPolicy says what is wrong with a written policy, and how long it is.
func (p *program) checkPolicy(ctx context.Context, file string, asJSON bool) error {
	data, err := readInput(ctx, file)
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		return usageError{fmt.Errorf("%s cannot be read: %w; name a file with a policy, or - for standard input", display.Safe(file), err)}
	}
	parsed, err := policy.Parse(data)
	if asJSON {
		d := policyDocument{Version: 1, Usable: err == nil, MaxLength: policy.MaxLength, Findings: []policyFinding{}}
		if err == nil {
			d.Length = parsed.Len()
		}
		for _, f := range policy.Check(data) {
			d.Findings = append(d.Findings, policyFinding{f.Line, f.Column, display.Safe(f.Path), fmt.Sprint(f.Severity), display.Safe(f.Message)})
		}
		if err := p.printJSON(d); err != nil {
			return err
		}
	} else {
		for _, finding := range policy.Check(data) {
			fmt.Fprintf(p.stdout, "%s:%s\n", display.Safe(file), display.Safe(finding.String()))
		}
	}
	if err != nil {
		return &settings.Error{Kind: settings.Config, Where: display.Safe(file), What: "the policy cannot be used", Err: err}
	}
	if asJSON {
		return nil
	}
	_, err = fmt.Fprintf(p.stdout, "%s: %d of %d characters\n", display.Safe(file), parsed.Len(), policy.MaxLength)
	return err
}

// policyDocument is what policy check --output json prints; docs/reference/json.md has the fields.
type policyDocument struct {
	Version   int             `json:"version"`
	Usable    bool            `json:"usable"`
	Length    int             `json:"length,omitempty"` // in characters, as STS counts them
	MaxLength int             `json:"max_length"`
	Findings  []policyFinding `json:"findings"`
}

type policyFinding struct {
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Path     string `json:"path,omitempty"`
	Severity string `json:"severity"` // error or warning
	Message  string `json:"message"`
}

// measurePolicy has a session made with the policy in a file, and says how much of its token is taken.
func (p *program) measurePolicy(ctx context.Context, file string, flags settings.Flags) error {
	flags.Set("policy", file)
	req, err := settings.Load(flags, p.env)
	if err != nil {
		return err
	}
	req.NoCache = true // it is thrown away; what it is made from is not
	prov, err := broker.New(req, broker.Options{Env: p.env, Log: p.logger(req.Verbose), LoginCommand: settings.LoginCommand("", flags, req)})
	if err != nil {
		return err
	}
	answer, err := prov.Token(ctx)
	if err != nil {
		return err
	}
	t := answer.Token
	percent, ok := t.SizePercent()
	if !ok {
		return &failure.Error{Class: failure.Unreachable, Text: string(t.Operation) + " did not say how large the session token is"}
	}
	bytes := ""
	if t.SessionTokenSize != nil {
		bytes = fmt.Sprintf(", a session token of %d bytes", *t.SessionTokenSize)
	}
	if _, err := fmt.Fprintf(p.stdout, "%s: %d %% of what AWS allows%s, by %s\n", display.Safe(file), percent, bytes, t.Operation); err != nil {
		return err
	}
	if warning := broker.SizeWarning(t); warning != "" {
		fmt.Fprintf(p.stderr, "sts-helper: warning: %s\n", warning)
	}
	return nil
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
		all := req.Policies()
		if len(all) == 0 {
			_, err = fmt.Fprintf(p.stdout, "%s sends no session policy\n", req.Operation)
			return err
		}
		for _, r := range all {
			if len(all) > 1 {
				fmt.Fprintf(p.stderr, "%s:\n", r.Operation)
			}
			if err := p.showPolicies(r); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// showPolicies prints the session policies of one request.
func (p *program) showPolicies(r *request.Request) error {
	if r.Policy != "" {
		parsed, err := policy.Parse([]byte(r.Policy))
		if err != nil {
			return err
		}
		if _, err := io.WriteString(p.stdout, parsed.Pretty()); err != nil {
			return err
		}
	}
	for _, arn := range r.PolicyARNs {
		if _, err := fmt.Fprintln(p.stdout, display.Safe(arn)); err != nil {
			return err
		}
	}
	return nil
}
