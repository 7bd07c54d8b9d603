package broker

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// assertionTimeout is how long the command that gives an assertion may take.
const assertionTimeout = 30 * time.Second

// assertion reads the SAML assertion, anew for each request since it is good for minutes.
// It comes from a file or from a command that prints it, which is run without a shell.
func (p *Provider) assertion(ctx context.Context) (string, error) {
	r := p.req
	if r.SAMLAssertionFile != "" {
		data, _, err := safefile.Read(r.SAMLAssertionFile, request.MaxAssertion+2)
		if err != nil {
			return "", failure.Sourcef(err, "the SAML assertion %s cannot be read: %s", display.Safe(r.SAMLAssertionFile), display.Innermost(err))
		}
		if err := sameSubject(r.SAMLAssertionFile, r.SAMLSubject, request.AssertionSubject(data)); err != nil {
			return "", err
		}
		return strings.TrimSpace(string(data)), nil
	}
	words, err := display.SplitCommand(r.SAMLAssertionCommand)
	if err != nil || len(words) == 0 {
		return "", failure.Configf("the SAML assertion command cannot be understood: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, assertionTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...) // the user's own setting
	cmd.Env = append(os.Environ(), p.chain.with(p).assignment())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &limited{&stdout, request.MaxAssertion + 3}, &limited{&stderr, maxStderr}
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		what := display.Cause(err)
		if ctx.Err() != nil {
			what = "no answer within " + assertionTimeout.String()
		}
		if said := firstLine(stderr.String()); said != "" {
			what += ": " + said
		}
		return "", failure.Sourcef(err, "the SAML assertion command %s failed: %s", display.Quote(words[0]), display.Safe(what))
	}
	return strings.TrimSpace(stdout.String()), nil
}
