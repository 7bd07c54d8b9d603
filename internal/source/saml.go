package source

import (
	"context"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/request"
)

// assertionTimeout is how long a command that prints an assertion may take, or one that prints a
// web identity token.
const assertionTimeout = 30 * time.Second

// SAMLAssertion reads the assertion of r, anew for each request since it is good for minutes:
// from a file, or from a command that prints it, which is run without a shell.
func SAMLAssertion(ctx context.Context, r *request.Request, chain Chain) (string, error) {
	if r.SAMLAssertionFile != "" {
		return document("SAML assertion", r.SAMLAssertionFile, request.MaxAssertion+2, r.SAMLSubject, request.AssertionSubject)
	}
	out, _, err := output(ctx, assertionTimeout, chain, "SAML assertion command", r.SAMLAssertionCommand, request.MaxAssertion+2)
	return strings.TrimSpace(string(out)), err
}
