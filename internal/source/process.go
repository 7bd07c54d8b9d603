package source

import (
	"context"
	"strings"

	"github.com/sts-helper/sts-helper/internal/child"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	doc "github.com/sts-helper/sts-helper/process"
	"github.com/sts-helper/sts-helper/token"
)

// ownPrefix is what the errors of this program begin with on standard error.
const ownPrefix = "sts-helper: "

// process is the credential_process of a profile, run the way the SDKs do: through the shell.
type process struct {
	def   request.Source
	chain Chain
}

func (p process) Fetch(ctx context.Context) (token.Credentials, error) {
	r := run(ctx, p.chain, doc.MaxDocument, child.Shell(p.def.Command))
	profile := display.Quote(p.def.Profile)
	if r.Failed() {
		if ours, ok := strings.CutPrefix(r.Stderr, ownPrefix); ok {
			// Another of us has said it already, to the user who must act.
			e := failure.Sourcef(r.Err, "%s", ours)
			if failure.ClassOfExit(r.Exit) == failure.Configuration {
				e.Class = failure.Configuration
			}
			return token.Credentials{}, e
		}
		return token.Credentials{}, failure.Sourcef(r.Err, "the credential_process of AWS profile %s %s", profile, failed(ctx, r, timeout))
	}
	c, err := doc.Decode(r.Out)
	if err != nil {
		return token.Credentials{}, failure.Sourcef(err, "the credential_process of AWS profile %s printed no usable document: %v", profile, err)
	}
	return c, nil
}
