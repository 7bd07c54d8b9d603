package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/mfa"
	"github.com/sts-helper/sts-helper/profile"
	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

// How long a person is given, all attempts together. SDKs that limit a credential_process
// at all end it after 60 s, and STS needs its share; somebody who logs in has more time.
const (
	askFor      = 45 * time.Second
	askForLogin = 5 * time.Minute
)

// maxCodes is how many codes are sent for one question before it is given up.
const maxCodes = 3

// human is where codes come from, for a request and those it is based on.
type human struct {
	opts    mfa.Options
	forbid  bool
	login   bool
	profile string
}

func newHuman(r *profile.Request, o Options) *human {
	return &human{
		opts: mfa.Options{
			Code:    mfa.NewGiven(r.MFACode),
			Process: r.MFAProcess,
			Prompt:  mfa.Prompt(r.Prompt),
			Profile: r.Name,
		},
		forbid:  o.NoHuman,
		login:   o.Login,
		profile: r.Name,
	}
}

// pick chooses the source of codes. Its errors are of class [ClassHuman].
func (h *human) pick() (mfa.Source, error) {
	if h.forbid {
		return nil, humanError(nil, "a code of the MFA device is needed and nobody is asked here; run: sts-helper login %s", h.profile)
	}
	src, err := mfa.Pick(h.opts)
	if err == nil {
		return src, nil
	}
	if errors.Is(err, mfa.ErrNobody) {
		return nil, humanError(err, "%v", err)
	}
	return nil, configError("%v", err)
}

// interactive reports whether a person answers, who can be asked again.
func (h *human) interactive() bool { return h.opts.Code == nil && h.opts.Process == "" }

func (p *Provider) needsHuman() bool { return p.req.SerialNumber != "" }

func (p *Provider) canAsk() error {
	_, err := p.human.pick()
	return err
}

func (p *Provider) wait() time.Duration {
	if p.req.Wait > 0 {
		return p.req.Wait
	}
	for q := p; q != nil; q = q.base {
		if q.needsHuman() {
			return cache.DefaultWaitHuman
		}
	}
	return cache.DefaultWait
}

func (p *Provider) holder() lock.Holder {
	who := lock.Holder{Purpose: p.req.Operation + " for " + p.req.Name}
	if p.needsHuman() {
		if src, err := p.human.pick(); err == nil {
			who.TTY = src.Name()
		}
	}
	return who
}

// withCode gets a code for p's device and sends the request with it, under the device's
// lock, so that one person is asked one question however many tokens need an answer.
func (p *Provider) withCode(ctx context.Context, send func(code string) (token.Token, error)) (token.Token, error) {
	src, err := p.human.pick()
	if err != nil {
		return token.Token{}, err
	}
	cache.Asking(ctx)
	dev, err := p.device(ctx, src)
	if err != nil {
		return token.Token{}, err
	}
	if dev != nil {
		defer dev.Release()
		if d := dev.Barred(); d > 0 && !p.human.login {
			return token.Token{}, &Error{Class: ClassDenied, final: true, Text: fmt.Sprintf(
				"too many codes of MFA device %s were refused; nobody is asked for %s; to try now, run: sts-helper login %s",
				mfa.Safe(p.req.SerialNumber), d.Round(time.Second), p.human.profile)}
		}
	}
	limit := askFor
	if p.human.login {
		limit = askForLogin
	}
	asking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	sent := map[string]bool{}
	q := mfa.Question{SerialNumber: p.req.SerialNumber, Profile: p.human.profile, Timeout: limit, Attempt: 1}
	for {
		var last int64
		if dev != nil {
			last = dev.LastStep()
		}
		q.NotBefore = time.Time{}
		if last > 0 && mfa.Step(time.Now()) <= last && last-mfa.Step(time.Now()) < 4 {
			q.NotBefore = mfa.StepStart(last + 1)
		}
		code, err := src.Code(asking, q)
		if err != nil {
			return token.Token{}, p.noCode(err)
		}
		if sent[code] {
			q.Problem = "that code was refused already"
			continue
		}
		sent[code] = true
		if dev != nil {
			if err := dev.Spend(mfa.Step(time.Now())); err != nil {
				p.opts.Log.Warn("the use of the code could not be noted", "reason", err.Error())
			}
		}
		t, err := send(code)
		if err == nil {
			if dev != nil {
				dev.Accepted()
			}
			return t, nil
		}
		var se *sts.Error
		if !errors.As(err, &se) || se.Class != sts.MFARejected {
			return token.Token{}, err // whether the code was taken is not known: it is not sent again
		}
		if dev != nil {
			dev.Unspend(last)
			dev.Refused()
		}
		if q.Attempt >= maxCodes || !p.human.interactive() {
			return token.Token{}, err
		}
		q.Attempt++
		q.Problem = "that code was refused"
	}
}

// device takes the lock of p's MFA device; nil where there is no cache to keep one in or no
// lock to be had.
func (p *Provider) device(ctx context.Context, src mfa.Source) (*cache.Device, error) {
	c, _ := p.Cache()
	if c == nil {
		return nil, nil
	}
	who := p.holder()
	who.TTY, who.Asking = src.Name(), true
	dev, err := c.Device(ctx, p.req.SerialNumber, who, p.wait())
	if errors.Is(err, lock.ErrUnavailable) {
		return nil, nil
	}
	return dev, err
}

// noCode gives an error of package mfa its class. That nobody could be asked here says
// nothing of other terminals; that the person did not answer, or would not, holds for all
// who waited for the answer.
func (p *Provider) noCode(err error) error {
	e := humanError(err, "%v", err)
	e.private = errors.Is(err, mfa.ErrNobody) || errors.Is(err, mfa.ErrUsed)
	return e
}
