package broker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/process"
	"github.com/sts-helper/sts-helper/token"
)

// ownPrefix is what the errors of this program begin with on standard error.
const ownPrefix = "sts-helper: "

// maxStderr is how much of a helper's complaint is read.
const maxStderr = 4 << 10

// processCredentials runs the source profile's credential_process the way the SDKs do,
// through the shell, but hands it the chain, and says what it complained of.
func (p *Provider) processCredentials(ctx context.Context) (token.Credentials, error) {
	src := p.req.Source
	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd.exe", "/C"
	}
	cmd := exec.CommandContext(ctx, shell, flag, src.Command) // the user's own setting, run as every SDK runs it
	cmd.Env = append(os.Environ(), p.chain.with(p).assignment())
	cmd.WaitDelay = time.Second // a grandchild may hold the pipes open
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &limited{&stdout, process.MaxDocument + 1}
	cmd.Stderr = &limited{&stderr, maxStderr}
	err := cmd.Run()
	if err != nil {
		var exit *exec.ExitError
		what := display.Cause(err)
		if errors.As(err, &exit) {
			what = exit.ProcessState.String()
		}
		if ctx.Err() != nil {
			what = "no answer within " + sourceTimeout.String() + " (does it ask a person?)"
		}
		said := firstLine(stderr.String())
		if ours, ok := strings.CutPrefix(said, ownPrefix); ok {
			// Another of us has said it already, to the person who must act.
			e := failure.Sourcef(err, "%s", ours)
			if exit != nil && failure.ClassOfExit(exit.ExitCode()) == failure.Configuration {
				e.Class = failure.Configuration
			}
			return token.Credentials{}, e
		}
		if said != "" {
			what += ": " + said
		}
		return token.Credentials{}, failure.Sourcef(err, "the credential_process of AWS profile %s ended with %s", display.Quote(src.Profile), display.Safe(what))
	}
	creds, err := process.Decode(stdout.Bytes())
	if err != nil {
		return token.Credentials{}, failure.Sourcef(err, "the credential_process of AWS profile %s printed no usable document: %v", display.Quote(src.Profile), err)
	}
	return creds, nil
}

func firstLine(s string) string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// limited takes everything and keeps the first n bytes.
type limited struct {
	w io.Writer
	n int
}

func (l *limited) Write(b []byte) (int, error) {
	if keep := min(len(b), l.n); keep > 0 {
		l.n -= keep
		if _, err := l.w.Write(b[:keep]); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
