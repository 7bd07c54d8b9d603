package source

import (
	"context"
	"time"

	"github.com/sts-helper/sts-helper/internal/child"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	printed "github.com/sts-helper/sts-helper/internal/source/document"
	"github.com/sts-helper/sts-helper/token"
)

// command is a program that prints credentials in one of several forms, run without a shell.
type command struct {
	def   request.Source
	chain Chain
}

func (s command) Fetch(ctx context.Context) (token.Credentials, error) {
	out, name, err := output(ctx, timeout, s.chain, "source command", s.def.Command, printed.Max)
	if err != nil {
		return token.Credentials{}, err
	}
	c, err := printed.Parse(out)
	if err != nil {
		return token.Credentials{}, failure.Sourcef(err, "the source command %s printed no usable credentials: %v", name, err)
	}
	return c, nil
}

// output is what a command of the settings prints, within limit and timeout, and its name for
// messages. Errors say what it is for.
func output(ctx context.Context, timeout time.Duration, chain Chain, what, line string, limit int) (out []byte, name string, err error) {
	words, err := display.SplitCommand(line)
	if err != nil || len(words) == 0 {
		return nil, "", failure.Configf("the %s cannot be understood: %v", what, err)
	}
	name = display.Quote(words[0])
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r := run(ctx, chain, limit, child.Command{Path: words[0], Args: words[1:]})
	if r.Failed() {
		return nil, name, failure.Sourcef(r.Err, "the %s %s %s", what, name, failed(ctx, r, timeout))
	}
	return r.Out, name, nil
}
