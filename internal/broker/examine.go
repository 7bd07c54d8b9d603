package broker

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/mfa"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/transport"
	"github.com/sts-helper/sts-helper/sts"
)

// examineTimeout bounds one question of Examine.
const examineTimeout = 10 * time.Second

// Examination is what p's STS said to questions that give no credentials.
type Examination struct {
	// URL is the STS that p asks.
	URL string
	// Unreachable is why nothing answers there, "" where something does.
	Unreachable string
	// Time is what that STS says the time is, and Here what it is on this machine; zero where it is not known.
	Time, Here time.Time
	// KeyID is the long-term key that was shown to it, "" for none.
	KeyID string
	// Refused is what it said to that key, nil where it takes it: the codes are those of STS.
	Refused *sts.Error
	// Device is the MFA device that p's settings name, where IAM says that the key's user has other ones alone,
	// which are Devices; "" where all is well, or IAM is not asked or does not say.
	Device  string
	Devices []string
}

// Examine asks p's STS for the time, unsigned, and, where p is signed with a long-term key, whose that is
// (GetCallerIdentity, which needs no permission), and IAM which MFA devices its user has (ListMFADevices).
// asked remembers, from one call to the next, what was asked, and why nothing answered; it is not asked again. The
// error is about the settings.
func (p *Provider) Examine(ctx context.Context, asked map[string]string) (x Examination, err error) {
	client, err := p.client()
	if err != nil {
		return x, err
	}
	pem, err := p.CABundle()
	if err != nil {
		return x, err
	}
	first := func(what string) bool {
		_, before := asked[what]
		asked[what] = ""
		return !before
	}
	x.URL = client.Endpoint()
	if why, before := asked[x.URL]; before {
		x.Unreachable = why
	} else {
		x.askTime(ctx, pem)
		asked[x.URL] = x.Unreachable
	}
	b := p.bottom()
	if k := b.req.Source.Kind; k != request.SourceStatic && k != request.SourceEnvironment || b.req.Source.Session || x.Unreachable != "" {
		return x, nil
	}
	creds, err := b.sourceCredentials(ctx)
	if err != nil {
		return x, err
	}
	x.KeyID = creds.AccessKeyID
	if first(x.URL + " " + x.KeyID) {
		ctx, cancel := context.WithTimeout(ctx, examineTimeout)
		defer cancel()
		if _, err := client.Caller(ctx, signer(creds)); err != nil {
			x.Refused, _ = errors.AsType[*sts.Error](err)
			return x, nil
		}
	}
	serial := p.Device()
	if serial == "" || !p.knowsIAM() || !first(serial+" "+x.KeyID) {
		return x, nil
	}
	ctx, cancel := context.WithTimeout(ctx, mfa.DirectoryTimeout)
	defer cancel()
	iam := mfa.Directory{Partition: b.req.Partition, Region: b.req.Region, Getenv: p.opts.Env.Getenv, CABundle: pem}
	if has, err := iam.Serials(ctx, toSDK(creds)); err == nil && !slices.Contains(has, serial) {
		x.Device, x.Devices = serial, has
	}
	return x, nil
}

// askTime asks for the time, and whether anything answers.
func (x *Examination) askTime(ctx context.Context, pem []byte) {
	roots, err := transport.Roots(pem)
	if err != nil {
		x.Unreachable = err.Error()
		return
	}
	ctx, cancel := context.WithTimeout(ctx, examineTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, x.URL, http.NoBody)
	if err != nil {
		x.Unreachable = "it is no URL"
		return
	}
	resp, err := transport.New(roots, examineTimeout).RoundTrip(req)
	if err != nil {
		x.Unreachable = display.Safe(display.Cause(err))
		return
	}
	_ = resp.Body.Close()
	if there, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		x.Time, x.Here = there, time.Now()
	}
}

// knowsIAM reports whether the IAM that belongs to p's STS is known: that of AWS goes with the STS of AWS, and
// another STS needs an IAM of its own.
func (p *Provider) knowsIAM() bool {
	return p.req.Endpoint == "" || p.opts.Env.Getenv("AWS_ENDPOINT_URL") != "" || p.opts.Env.Getenv("AWS_ENDPOINT_URL_IAM") != ""
}

// LastFailure is why p's token could not be got the last time, and how long ago, where that is remembered and
// there is no token; "" otherwise.
func (p *Provider) LastFailure() (message string, class failure.Class, ago time.Duration) {
	c, _ := p.Cache()
	if c == nil {
		return "", "", 0
	}
	for b := p; b != nil; b = b.base {
		e := c.Inspect(b.key.String())
		if f := e.State.Failure; f != nil && (e.Record == nil || e.Record.Remaining() <= 0) {
			return display.Safe(f.Message), failure.Class(f.Kind), max(time.Since(f.Since()), 0)
		}
	}
	return "", "", 0
}

// LongTermKey is the long-term key in AWS's shared files that p is signed with in the end, with the profile and the
// file that have it; "" where it is elsewhere, or is none.
func (p *Provider) LongTermKey() (id, profile, file string) {
	s := p.req.Bottom().Source
	if s.Kind != request.SourceStatic || s.Session || len(s.Files) == 0 {
		return "", "", ""
	}
	return s.AccessKeyID, s.Profile, s.Files[len(s.Files)-1]
}
