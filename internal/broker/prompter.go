package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/mfa"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

// How long the user is given, all attempts together. SDKs that limit a credential_process
// at all end it after 60 s, and STS needs its share: so a question ends 45 s after it is
// put, and 48 s after the call began, whatever the call waited for before. At a
// login there is more time.
const (
	promptFor      = 45 * time.Second
	promptUntil    = 48 * time.Second
	promptLeast    = 5 * time.Second // with less left the user is not asked
	promptForLogin = 5 * time.Minute
)

// maxCodes is how many codes are sent for one question before it is given up.
const maxCodes = 3

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
	if c, _ := p.Cache(); c != nil {
		if r, err := c.Load(p.key); err == nil && r.Remaining() > cache.Mandatory {
			return false
		}
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

// startKey is the context key of the time at which the outermost call began.
type startKey struct{}

func withStart(ctx context.Context) context.Context {
	if _, ok := ctx.Value(startKey{}).(time.Time); ok {
		return ctx
	}
	return context.WithValue(ctx, startKey{}, time.Now())
}

// left is what remains of a limit that began with the outermost call.
func budgetLeft(ctx context.Context, limit time.Duration) time.Duration {
	if began, ok := ctx.Value(startKey{}).(time.Time); ok {
		return limit - time.Since(began)
	}
	return limit
}

// wait is the lock budget. Waiting for one lock after another takes no longer
// altogether.
func (p *Provider) wait(ctx context.Context) time.Duration {
	if p.req.Wait > 0 {
		return p.req.Wait
	}
	for q := p; q != nil; q = q.base {
		if q.needsCode() {
			return max(budgetLeft(ctx, cache.DefaultWaitInteractive), time.Second)
		}
	}
	return cache.DefaultWait
}

// promptTimeout is how long the user is given from now on.
func (p *Provider) promptTimeout(ctx context.Context) time.Duration {
	if p.prompter.login {
		return promptForLogin
	}
	return min(promptFor, budgetLeft(ctx, promptUntil))
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

// question is the first one that the user is asked.
func (p *Provider) question(limit time.Duration) mfa.Question {
	return mfa.Question{
		SerialNumber: p.req.SerialNumber, Profile: p.prompter.opts.Profile, Login: p.prompter.opts.Login,
		Timeout: limit, Attempt: 1,
	}
}

// withCode gets a code for p's device and sends the request with it, under the device's
// lock, so that the user is asked one question however many tokens need an answer. No
// code is sent twice.
func (p *Provider) withCode(ctx context.Context, send func(code string) (token.Token, error)) (token.Token, error) {
	src, err := p.prompter.pick()
	if err != nil {
		return token.Token{}, err
	}
	cache.Asking(ctx)
	dev, err := p.device(ctx, src)
	if err != nil {
		return token.Token{}, err
	}
	defer dev.Release()
	if d := dev.CooldownLeft(); d > 0 && !p.prompter.login {
		return token.Token{}, &failure.Error{Class: failure.Denied, Final: true, Run: display.Safe(p.prompter.opts.Login), Next: "to try now", Text: fmt.Sprintf(
			"too many codes of MFA device %s were refused, so no code is asked for during the next %s",
			display.Safe(p.req.SerialNumber), d.Round(time.Second))}
	}
	limit := p.promptTimeout(ctx)
	if limit < promptLeast {
		return token.Token{}, failure.Interactionf(nil, display.Safe(p.prompter.opts.Login), "no time is left to ask for an MFA code, the calling programs give up soon")
	}
	asking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	q := p.question(limit)
	for {
		last := dev.LastStep()
		q.NotBefore = time.Time{}
		if now := mfa.Step(time.Now()); last > 0 && now <= last && last-now < maxAhead {
			q.NotBefore = mfa.StepStart(last + 1)
		}
		code, err := src.Code(asking, q)
		if err != nil {
			return token.Token{}, p.noCode(err)
		}
		if dev.WasSent(code) {
			if !p.prompter.interactive() {
				return token.Token{}, p.noCode(fmt.Errorf("%w: the %s gave one that was sent before; run %q with the next code", mfa.ErrUsed, src.Name(), p.prompter.opts.Login))
			}
			q.Problem = "that code was sent before and works once; please wait for the next one"
			continue
		}
		dev.Remember(code)
		if err := dev.MarkUsed(mfa.Step(time.Now())); err != nil {
			p.opts.Log.Warn("the use of the code could not be noted", "reason", err.Error())
		}
		t, err := send(code)
		if err == nil {
			dev.Accepted()
			return t, nil
		}
		var se *sts.Error
		if !errors.As(err, &se) {
			return token.Token{}, err
		}
		if !se.Sent() {
			dev.Unremember()
			dev.UnmarkUsed(last)
			return token.Token{}, err
		}
		if se.Class != sts.MFARejected {
			return token.Token{}, err // whether the code was taken is not known: it is not sent again
		}
		dev.UnmarkUsed(last)
		if strings.Contains(se.Message, "serial number") {
			p.forgetDevice()
			return token.Token{}, err // no code will do
		}
		dev.Refused()
		if q.Attempt >= maxCodes || !p.prompter.interactive() {
			return token.Token{}, err
		}
		q.Attempt++
		q.Problem = "that code was refused"
	}
}

// maxAhead is how many steps ahead of the clock the last code may seem to have been used; if
// it is more the clock was set back, and is not waited for.
const maxAhead = 4

// device takes the lock of p's MFA device, where there is a cache to keep one in and a lock
// to be had.
func (p *Provider) device(ctx context.Context, src mfa.Source) (*mfa.Device, error) {
	c, _ := p.Cache()
	if c == nil {
		return mfa.MemoryDevice(), nil
	}
	who := p.holder()
	who.TTY, who.Asking = src.Name(), true
	dev, err := mfa.OpenDevice(ctx, c, p.req.SerialNumber, who, p.wait(ctx))
	if errors.Is(err, lock.ErrUnavailable) {
		return mfa.MemoryDevice(), nil
	}
	if err != nil {
		return nil, err
	}
	return dev, nil
}

// noCode gives an error of package mfa its class. That the user could not be asked here,
// or that this process was told to stop, says nothing of other terminals; that the user did not
// answer, or would not, holds for all who waited for the answer.
func (p *Provider) noCode(err error) error {
	e := failure.Interactionf(err, "", "%v", err)
	_, signalled := errors.AsType[mfa.Signalled](err)
	e.Private = signalled || errors.Is(err, mfa.ErrNonInteractive) || errors.Is(err, mfa.ErrUsed)
	return e
}
