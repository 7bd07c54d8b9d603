package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/audit"
	"github.com/sts-helper/sts-helper/internal/direct"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/token"
)

const auditHelp = `Look whether the log of who got which credentials is whole. config.toml says where it is:

    [audit]
    file = "~/.local/state/sts-helper/audit.log"

Each line has the hash of the one before, so that a line which was changed or taken out is found. Lines
that are missing at the end are not, nor is a log that was written anew as a whole: compare the
number of lines and the head, which this prints, with what it printed before.

    sts-helper audit verify
    sts-helper audit verify --output json

What a line has is in docs/audit.md.`

func (p *program) auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Look whether the log of who got which credentials is whole", Long: auditHelp, Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var output outputForm
	verify := &cobra.Command{
		Use:   "verify [FILE] [flags]",
		Short: "Compare each line with the hash in the next",
		Long:  auditHelp,
		Args:  atMostOne("FILE"),
		RunE:  func(_ *cobra.Command, args []string) error { return p.auditVerify(args, output) },
	}
	addOutput(verify, &output)
	cmd.AddCommand(verify)
	return cmd
}

func (p *program) auditVerify(args []string, output outputForm) error {
	config, err := settings.LoadAudit(p.env)
	if err != nil {
		return err
	}
	file := config.File
	if len(args) > 0 {
		file = args[0]
	}
	if file == "" {
		return failure.Configf("there is no audit log").Do("write [audit] file = \"...\" into %s, or name a file", display.Safe(settings.ConfigPath(p.env)))
	}
	report, err := audit.Verify(file)
	if errors.Is(err, fs.ErrNotExist) {
		return failure.Configf("there is no %s yet: nothing was handed out since it was named", display.Safe(file))
	}
	if err != nil {
		return failure.Configf("%s cannot be read: %s", display.Safe(file), display.Innermost(err))
	}
	if output == outputJSON {
		err = p.printJSON(report)
	} else {
		for _, wrong := range report.Wrong {
			fmt.Fprintln(p.stdout, display.Safe(wrong))
		}
		_, err = fmt.Fprintf(p.stdout, "%s\nhead %s\nnot seen: lines missing at the end, and a log that was written anew\n", report, report.Head)
	}
	if err == nil && len(report.Wrong) > 0 {
		err = exitError{fmt.Errorf("%s was changed", display.Safe(file)), failure.Configuration.ExitCode()}
	}
	return err
}

// auditLog is where the lines of what has no request at hand go, and whether to anywhere. A mistake in the
// settings is told by what needs them.
func (p *program) auditLog() (audit.Config, bool) {
	a, err := settings.LoadAudit(p.env)
	c := audit.Config(a)
	return c, err == nil && c.On()
}

// log writes the line of credentials that are about to be handed out to pid; what is wrong with the log keeps
// no program from them.
func (p *program) log(c audit.Config, l audit.Line) {
	if err := c.Write(l); err != nil {
		p.warn("warning: %s", display.Innermost(err))
	}
}

// toCaller is the line of a token that the caller of this process gets.
func toCaller(way, profile string, t token.Token) audit.Line {
	l := line(way, profile, t)
	l.UID = os.Getuid()
	l.PID, l.Program = audit.Caller()
	return l
}

func line(way, profile string, t token.Token) audit.Line {
	l := audit.Line{Way: way, Profile: profile, AccessKeyID: t.Credentials.AccessKeyID, Identity: identityOf(t)}
	if t.Credentials.CanExpire {
		l.Expires = t.Credentials.Expires
	}
	return l
}

// identityOf is the ARN that the token acts as, as far as STS said it.
func identityOf(t token.Token) string {
	for _, p := range []*token.Principal{t.ScopedSession, t.AssumedRole, t.FederatedUser, t.Signer} {
		if p != nil && p.ARN != "" {
			return p.ARN
		}
	}
	return ""
}

// finishDirect hands out a direct answer that has its line in the log, and gives the exit code.
func (p *program) finishDirect(a *direct.Pending) int {
	if c, on := p.auditLog(); on {
		r := a.Record
		t := token.Token{
			Credentials:   token.Credentials{AccessKeyID: r.AccessKeyID, CanExpire: !r.Endless, Expires: r.Expires},
			ScopedSession: (*token.Principal)(r.ScopedSession), AssumedRole: (*token.Principal)(r.AssumedRole),
			FederatedUser: (*token.Principal)(r.FederatedUser), Signer: (*token.Principal)(r.Signer),
		}
		p.log(c, toCaller(audit.Process, a.Profile, t))
	}
	if _, err := p.stdout.Write(a.Document); err != nil {
		fmt.Fprintln(p.stderr, "sts-helper: the credentials could not be written")
		return 1
	}
	return 0
}
