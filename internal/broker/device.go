package broker

import (
	"context"
	"errors"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/mfa"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source"
)

// findDevices gives r with every serial number of "auto" replaced. r itself stays as it is.
func findDevices(r *request.Request, opts Options) (*request.Request, error) {
	if r == nil {
		return nil, nil
	}
	base, err := findDevices(r.Base, opts)
	if err != nil || r.SerialNumber != mfa.AutoSerial && base == r.Base {
		return r, err
	}
	found := *r
	found.Base = base
	if r.SerialNumber == mfa.AutoSerial {
		p := &Provider{req: &found, opts: opts, prompter: newPrompter(&found, opts)}
		if found.SerialNumber, err = p.findDevice(); err != nil {
			return nil, err
		}
	}
	return &found, nil
}

// findDevice looks the device up in the cache, where it is remembered for two days, else asks IAM.
func (p *Provider) findDevice() (string, error) {
	key := p.req.Source.AccessKeyID
	if p.req.Base != nil || key == "" || p.req.Source.Session {
		return "", failure.Configf("mfa_serial is %q, which needs the access key of an IAM user, and %s has none in its settings", mfa.AutoSerial, source.Describe(p.req.Source)).Do("name the device in mfa_serial")
	}
	c, err := p.Cache()
	if errors.Is(err, cache.ErrUnsafe) {
		return "", &failure.Error{Class: failure.Configuration, Text: err.Error(), Err: err}
	}
	if c == nil {
		return p.askForDevice()
	}
	ctx, cancel := context.WithTimeout(context.Background(), mfa.DirectoryTimeout)
	defer cancel()
	return mfa.FindSerial(ctx, c, key, p.askForDevice)
}

// askForDevice asks IAM for the one device.
func (p *Provider) askForDevice() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), mfa.DirectoryTimeout)
	defer cancel()
	creds, err := p.sourceCredentials(ctx)
	if err != nil {
		return "", err
	}
	client, err := p.IAM()
	if err != nil {
		return "", err
	}
	if p.opts.Log != nil {
		defer p.waitFor(ctx, "IAM, which knows the MFA device")()
	}
	return mfa.Directory(client).Serial(ctx, toSDK(creds))
}

// forgetDevice is called where STS does not know the device.
func (p *Provider) forgetDevice() {
	if c, _ := p.Cache(); c != nil && p.req.Source.AccessKeyID != "" {
		mfa.DeleteSerial(c, p.req.Source.AccessKeyID)
	}
}
