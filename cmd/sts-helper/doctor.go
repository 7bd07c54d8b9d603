package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/doctor"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/settings"
)

const doctorHelp = `Look for what breaks set-ups that look right, and say how to mend it: a helper that SDKs do
not find, keys and variables that win over it, clocks, modes, endpoints that do not answer. For
a PROFILE also show what each SDK does with it.

    sts-helper doctor
    sts-helper doctor dev
    sts-helper doctor --output json

It gets no credentials and asks for no code. It asks each STS for the time, shows a long-term
key to it to hear whether it is taken (GetCallerIdentity), and asks IAM for the MFA devices of
that key's user where a profile names one. With problems the exit code is 3; advice is no
problem. What each finding means is in docs/doctor.md.`

// checkup is what doctor found.
type checkup struct {
	Version  int              `json:"version"`
	Healthy  bool             `json:"healthy"` // there is no problem; advice is none
	Findings []doctor.Finding `json:"findings"`
	// SDKs is what each SDK does with the AWS profiles that were named, or with all that run this program.
	SDKs []profileChoices `json:"sdks"`

	looked string // at what
}

// profileChoices is what each SDK does with one AWS profile.
type profileChoices struct {
	Profile string          `json:"profile"`
	Choices []doctor.Choice `json:"choices"`
}

func (p *program) doctorCommand() *cobra.Command {
	var output outputForm
	cmd := &cobra.Command{
		Use:               "doctor [PROFILE...] [flags]",
		Short:             "Find what keeps programs from their credentials",
		Long:              doctorHelp,
		ValidArgsFunction: p.completeNames,
	}
	addOutput(cmd, &output)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := p.examine(cmd.Context(), args)
		if err != nil {
			return err
		}
		if output == outputJSON {
			err = p.printJSON(c)
		} else {
			_, err = p.stdout.WriteString(c.text(len(args) > 0))
		}
		if err != nil {
			return err
		}
		problems := 0
		for _, f := range c.Findings {
			if f.Level == doctor.Problem {
				problems++
			}
		}
		if problems > 0 {
			return failure.Configf("doctor: problems: %d", problems)
		}
		return nil
	}
	return cmd
}

// text is what was found, problems first, and where sdks is set what each SDK does.
func (c *checkup) text(sdks bool) string {
	var b strings.Builder
	for _, f := range c.Findings {
		fmt.Fprintln(&b, f)
	}
	if len(c.Findings) == 0 {
		fmt.Fprintf(&b, "nothing is wrong with what was looked at: %s\n", c.looked)
	} else if c.Healthy {
		fmt.Fprintf(&b, "nothing else is wrong with what was looked at: %s\n", c.looked)
	}
	if !sdks {
		return b.String()
	}
	for _, s := range c.SDKs {
		fmt.Fprintf(&b, "\nWith AWS_PROFILE=%s:\n", display.ShellWord(s.Profile))
		for _, choice := range s.Choices {
			fmt.Fprintf(&b, "  %s\n", choice.Line())
		}
	}
	return b.String()
}

// examine gives all that is wrong with the profiles named, or with all of them.
func (p *program) examine(ctx context.Context, names []string) (*checkup, error) {
	x := &examiner{p: p, ctx: ctx, looked: map[string]bool{}, asked: map[string]string{}}
	if err := x.shared(names); err != nil {
		return nil, err
	}
	if err := settings.CheckVariables(p.env); err != nil && len(x.names) == 0 { // else each profile says so
		x.problem("configuration", "", "", err.Error(), "correct its name, or unset it")
	}
	for _, name := range x.names {
		x.profile(name)
	}
	slices.SortStableFunc(x.all, func(a, b doctor.Finding) int {
		return falseFirst(a.Level == doctor.Advice, b.Level == doctor.Advice)
	})
	c := &checkup{Version: 1, Healthy: true, Findings: x.all, SDKs: x.sdks, looked: counted(len(x.names), "profile") + ", " + counted(x.endpoints, "endpoint")}
	if path, there, err := settings.FleetFile(p.env); err != nil {
		return nil, err
	} else if there {
		c.looked += ", this machine's settings in " + display.Safe(path)
	}
	if c.Findings == nil {
		c.Findings = []doctor.Finding{}
	}
	if c.SDKs == nil {
		c.SDKs = []profileChoices{}
	}
	for _, f := range c.Findings {
		c.Healthy = c.Healthy && f.Level != doctor.Problem
	}
	return c, nil
}

// counted is a number of things: "1 profile", "2 profiles".
func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
