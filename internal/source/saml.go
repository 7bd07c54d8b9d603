package source

import (
	"context"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/child"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
)

// assertionTimeout is how long the command that gives an assertion may take.
const assertionTimeout = 30 * time.Second

// SAMLAssertion reads the assertion of r, anew for each request since it is good for minutes:
// from a file, or from a command that prints it, which is run without a shell.
func SAMLAssertion(ctx context.Context, r *request.Request, chain Chain) (string, error) {
	if r.SAMLAssertionFile != "" {
		return document("SAML assertion", r.SAMLAssertionFile, request.MaxAssertion+2, r.SAMLSubject, request.AssertionSubject)
	}
	words, err := display.SplitCommand(r.SAMLAssertionCommand)
	if err != nil || len(words) == 0 {
		return "", failure.Configf("the SAML assertion command cannot be understood: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, assertionTimeout)
	defer cancel()
	o := run(ctx, chain, request.MaxAssertion+2, child.Command{Path: words[0], Args: words[1:]})
	if o.Failed() {
		return "", failure.Sourcef(o.Err, "the SAML assertion command %s %s", display.Quote(words[0]), failed(ctx, o, assertionTimeout))
	}
	return strings.TrimSpace(string(o.Out)), nil
}
