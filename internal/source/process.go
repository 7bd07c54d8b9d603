package source

import (
	"context"
	"runtime"
	"strings"

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
	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd.exe", "/C"
	}
	o := run(ctx, p.chain, doc.MaxDocument, shell, flag, p.def.Command)
	profile := display.Quote(p.def.Profile)
	if o.err != nil {
		if ours, ok := strings.CutPrefix(o.said, ownPrefix); ok {
			// Another of us has said it already, to the user who must act.
			e := failure.Sourcef(o.err, "%s", ours)
			if failure.ClassOfExit(o.exit) == failure.Configuration {
				e.Class = failure.Configuration
			}
			return token.Credentials{}, e
		}
		return token.Credentials{}, failure.Sourcef(o.err, "the credential_process of AWS profile %s failed: %s", profile, o.failed(ctx, Timeout))
	}
	c, err := doc.Decode(o.stdout)
	if err != nil {
		return token.Credentials{}, failure.Sourcef(err, "the credential_process of AWS profile %s printed no usable document: %v", profile, err)
	}
	return c, nil
}
