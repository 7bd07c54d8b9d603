package broker

import (
	"errors"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/mfa"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/lock"
)

// prompter is where codes come from, for a request and those it is based on.
type prompter struct {
	opts   mfa.Options
	forbid bool
	login  bool
}

func newPrompter(r *request.Request, o Options) *prompter {
	command := o.LoginCommand
	if command == "" {
		command = "sts-helper login " + r.Name
	}
	code := o.Code
	if code == nil {
		code = mfa.NewPresetCode(r.MFACode)
	}
	return &prompter{
		opts: mfa.Options{
			Code:    code,
			Process: r.MFAProcess,
			Prompt:  mfa.Prompt(r.Prompt),
			Profile: r.Name,
			Login:   command,
		},
		forbid: o.NonInteractive,
		login:  o.Login,
	}
}

// pick chooses the source of codes. Its errors are of class [failure.InteractionRequired], or [failure.Configuration]
// for a command that cannot be run.
func (pr *prompter) pick() (mfa.Source, error) {
	if pr.forbid {
		return nil, failure.Interactionf(nil, display.Safe(pr.opts.Login), "a code of the MFA device is needed, and the user is not asked here")
	}
	src, err := mfa.Pick(pr.opts)
	if err == nil {
		return src, nil
	}
	if errors.Is(err, mfa.ErrNonInteractive) {
		return nil, failure.Interactionf(err, "", "%v", err)
	}
	return nil, failure.Configf("%v", err)
}

// interactive reports whether the user answers, who can be asked again.
func (pr *prompter) interactive() bool { return pr.opts.Code == nil && pr.opts.Process == "" }

func (p *Provider) needsCode() bool { return p.req.SerialNumber != "" }

// mustPrompt reports whether the user would have to answer before p's token could be used to
// sign: whether it, or what it is made from, is not there or about to end.
func (p *Provider) mustPrompt() bool {
	if r := p.load(); r != nil && r.Remaining() > cache.Mandatory {
		return false
	}
	return p.needsCode() || p.base != nil && p.base.mustPrompt()
}

// canAsk says why the user cannot be asked for what p's refresh takes, nil where they can,
// or need not be, or is being asked by another process already.
func (p *Provider) canAsk() error {
	if !p.needsCode() && (p.base == nil || !p.base.mustPrompt()) {
		return nil
	}
	_, err := p.prompter.pick()
	if err == nil {
		return nil
	}
	if c, _ := p.Cache(); c != nil {
		for b := p.base; b != nil; b = b.base {
			if who, held := c.HeldBy(b.key.String()); held && who.Asking {
				return nil
			}
		}
	}
	return err
}

func (p *Provider) holder() lock.Holder {
	who := lock.Holder{Purpose: p.req.Operation + " for " + p.req.Name}
	if p.needsCode() {
		if src, err := p.prompter.pick(); err == nil {
			who.TTY = src.Name()
		}
	}
	return who
}
