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
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

// maxCodes is how many codes are sent for one question before it is given up.
const maxCodes = 3

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
	return p.askAndSend(asking, src, dev, p.question(limit), send)
}

// askAndSend asks until a code is taken, up to maxCodes of them.
func (p *Provider) askAndSend(ctx context.Context, src mfa.Source, dev *mfa.Device, q mfa.Question, send func(code string) (token.Token, error)) (token.Token, error) {
	for {
		t, problem, err := p.tryCode(ctx, src, dev, q, send)
		if err == nil || problem == "" || !p.prompter.interactive() {
			return t, p.barred(dev, err)
		}
		if problem == codeRefused {
			if q.Attempt >= maxCodes {
				return token.Token{}, p.barred(dev, err)
			}
			q.Attempt++
		}
		q.Problem = problem
	}
}

// barred is err with how long no code is asked for, where it was the refusal that began that.
func (p *Provider) barred(dev *mfa.Device, err error) error {
	left := dev.CooldownLeft()
	e, ok := errors.AsType[*failure.Error](err)
	if c, _ := p.Cache(); !ok || left <= 0 || c == nil { // without a cache other processes know nothing of it
		return err
	}
	barred := *e
	barred.Err = err
	barred.Text += fmt.Sprintf("; programs ask for no code of this device during the next %s", left.Round(time.Second))
	barred.Next, barred.Run = "to try again now", display.Safe(p.prompter.opts.Login)
	return &barred
}

// The problems that another code may solve.
const (
	codeRefused = "that code was refused"
	codeUsed    = "that code was sent before and works once; please wait for the next one"
)

// tryCode gets one code and sends the request with it. Where another code may do better, problem
// says why this one did not.
func (p *Provider) tryCode(ctx context.Context, src mfa.Source, dev *mfa.Device, q mfa.Question, send func(code string) (token.Token, error)) (t token.Token, problem string, err error) {
	last := dev.LastStep()
	if now := mfa.Step(time.Now()); last > 0 && now <= last && last-now < maxAhead {
		q.NotBefore = mfa.StepStart(last + 1)
	}
	waited := func() {}
	if p.prompter.opts.Process != "" || strings.HasPrefix(src.Name(), "dialog ") { // a terminal shows the question
		waited = p.waitFor(ctx, "the MFA code of the "+src.Name())
	}
	code, err := src.Code(ctx, q)
	waited()
	if err != nil {
		return token.Token{}, "", p.noCode(err)
	}
	if dev.WasSent(code) {
		return token.Token{}, codeUsed, p.noCode(fmt.Errorf("%w: the %s gave one that was sent before; run %q with the next code", mfa.ErrUsed, src.Name(), p.prompter.opts.Login))
	}
	dev.Remember(code)
	if err := dev.MarkUsed(mfa.Step(time.Now())); err != nil {
		p.opts.Log.Warn("the use of the code could not be noted", "reason", err.Error())
	}
	t, err = send(code)
	if err == nil {
		dev.Accepted()
		return t, "", nil
	}
	se, ok := errors.AsType[*sts.Error](err)
	switch {
	case !ok:
	case !se.Sent():
		dev.Unremember()
		dev.UnmarkUsed(last)
	case se.Class != sts.MFARejected:
		// Whether the code was taken is not known: it is not sent again.
	case strings.Contains(se.Message, "serial number"):
		dev.UnmarkUsed(last)
		p.forgetDevice() // no code will do
	default:
		dev.UnmarkUsed(last)
		dev.Refused()
		return token.Token{}, codeRefused, err
	}
	return token.Token{}, "", err
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
	what := "another process that has MFA device " + display.Safe(p.req.SerialNumber)
	if p.opts.Login {
		what = "" // which says it itself
	}
	defer p.waitFor(ctx, what)() // also ends the wait for the lock: no line about that may get into a prompt
	dev, err := mfa.OpenDevice(ctx, c, p.req.SerialNumber, who, p.wait(ctx))
	if errors.Is(err, lock.ErrUnavailable) {
		return mfa.MemoryDevice(), nil
	}
	if _, held := errors.AsType[*cache.HeldError](err); held && !p.prompter.interactive() {
		return mfa.UnlockedDevice(c, p.req.SerialNumber), nil // who has the lock may be stopped
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
