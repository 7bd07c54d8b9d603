package broker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source"
)

// SerialAuto as a serial number means the one MFA device that the user of the access key has:
// IAM is asked for it (iam:ListMFADevices), and the answer remembered for two days.
const SerialAuto = "auto"

// Bounds of the one request to IAM: its time, and the bytes of its answer.
const (
	iamTime = 10 * time.Second
	iamBody = 64 << 10
)

// findDevices gives r with every serial number of "auto" replaced. r itself stays as it is.
func findDevices(r *request.Request, opts Options) (*request.Request, error) {
	if r == nil {
		return nil, nil
	}
	base, err := findDevices(r.Base, opts)
	if err != nil || r.SerialNumber != SerialAuto && base == r.Base {
		return r, err
	}
	found := *r
	found.Base = base
	if r.SerialNumber == SerialAuto {
		p := &Provider{req: &found, opts: opts}
		if found.SerialNumber, err = p.findDevice(); err != nil {
			return nil, err
		}
	}
	return &found, nil
}

// findDevice looks the device up in the cache, else asks IAM.
func (p *Provider) findDevice() (string, error) {
	key := p.req.Source.AccessKeyID
	if p.req.Base != nil || key == "" || p.req.Source.Session {
		return "", failure.Configf("mfa_serial is %q, which takes the access key of an IAM user, and %s has none in plain sight; name the device in mfa_serial", SerialAuto, source.Describe(p.req.Source))
	}
	c, err := p.Cache()
	if errors.Is(err, cache.ErrUnsafe) {
		return "", &failure.Error{Class: failure.Configuration, Text: err.Error(), Err: err}
	}
	if c == nil {
		return p.askForDevice()
	}
	ctx, cancel := context.WithTimeout(context.Background(), iamTime)
	defer cancel()
	return c.FindSerial(ctx, key, p.askForDevice)
}

// askForDevice asks IAM for the one device.
func (p *Provider) askForDevice() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), iamTime)
	defer cancel()
	serials, err := p.listDevices(ctx)
	if err != nil {
		return "", err
	}
	key := p.req.Source.AccessKeyID
	const name = "name the device in mfa_serial or --mfa-serial"
	switch len(serials) {
	case 0:
		return "", failure.Configf("the user of access key %s has no MFA device that shows codes (security keys do not work with STS); %s, or remove the setting", key, name)
	case 1:
		return serials[0], nil
	}
	return "", failure.Configf("the user of access key %s has %d MFA devices (%s); %s", key, len(serials), display.Safe(strings.Join(serials, ", ")), name)
}

// forgetDevice is called where STS does not know the device.
func (p *Provider) forgetDevice() {
	if c, _ := p.Cache(); c != nil && p.req.Source.AccessKeyID != "" {
		c.DeleteSerial(p.req.Source.AccessKeyID)
	}
}

// listing is IAM's answer, of either kind.
type listing struct {
	Serials []string `xml:"ListMFADevicesResult>MFADevices>member>SerialNumber"`
	Code    string   `xml:"Error>Code"`
}

// listDevices asks IAM for the user's devices that show codes.
func (p *Provider) listDevices(ctx context.Context) ([]string, error) {
	creds, err := p.sourceCredentials(ctx)
	if err != nil {
		return nil, err
	}
	endpoint, region, err := p.iamEndpoint()
	if err != nil {
		return nil, err
	}
	body := []byte("Action=ListMFADevices&Version=2010-05-08")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return nil, failure.Configf("the IAM endpoint cannot be used: %v", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, toSDK(creds), req, hex.EncodeToString(sum[:]), "iam", region, time.Now()); err != nil {
		return nil, failure.Sourcef(nil, "the request to IAM could not be signed")
	}
	client, err := p.iamClient()
	if err != nil {
		return nil, err
	}
	unreachable := func(what string) error {
		return &failure.Error{Class: failure.Unreachable, Text: fmt.Sprintf("the MFA device could not be looked up: IAM at %s %s; try again, or name the device in mfa_serial", endpoint.Host, what)}
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, unreachable("gave no answer (" + display.Cause(err) + ")")
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, iamBody+1))
	var l listing
	if err != nil || len(data) > iamBody || xml.Unmarshal(data, &l) != nil {
		return nil, unreachable(fmt.Sprintf("gave an answer that cannot be read (status %d)", resp.StatusCode))
	}
	switch {
	case resp.StatusCode >= 500:
		return nil, unreachable(fmt.Sprintf("does not work (status %d)", resp.StatusCode))
	case resp.StatusCode >= 400:
		return nil, &failure.Error{Class: failure.Denied, Final: true, Text: fmt.Sprintf(
			"the MFA device could not be looked up: IAM said %s (status %d); allow iam:ListMFADevices, or name the device in mfa_serial or --mfa-serial", display.Safe(l.Code), resp.StatusCode)}
	case resp.StatusCode != http.StatusOK:
		return nil, unreachable(fmt.Sprintf("gave an unexpected answer (status %d)", resp.StatusCode))
	}
	var serials []string
	for _, s := range l.Serials {
		if s = strings.TrimSpace(s); s != "" && !strings.Contains(s, ":u2f/") {
			serials = append(serials, s)
		}
	}
	return serials, nil
}

// iamEndpoint is where IAM is, and the region that its requests are signed for. IAM has one
// endpoint a partition (https://docs.aws.amazon.com/general/latest/gr/iam-service.html).
func (p *Provider) iamEndpoint() (*url.URL, string, error) {
	where, region := "", p.req.Region
	if known := awsname.PartitionNamed(p.req.Partition); known != nil {
		where, region = "https://"+known.IAMHost+"/", known.IAMRegion
	}
	if !strings.EqualFold(p.opts.Env.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") {
		for _, name := range [...]string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM"} {
			if v := p.opts.Env.Getenv(name); v != "" {
				where = v
			}
		}
	}
	if where == "" {
		return nil, "", failure.Configf("mfa_serial is %q, and where IAM is in partition %s is not known; name the device in mfa_serial", SerialAuto, display.Safe(p.req.Partition))
	}
	if what, do := awsname.CheckEndpoint(where, false); what != "" {
		return nil, "", failure.Configf("the IAM endpoint %s; %s", what, do)
	}
	u, err := url.Parse(where)
	if err != nil {
		return nil, "", failure.Configf("the IAM endpoint is not a URL")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, region, nil
}

// iamClient is for one request: bounded, and without redirects, kept connections or HTTP/2.
func (p *Provider) iamClient() (*http.Client, error) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	pem, err := p.caBundle()
	if err != nil {
		return nil, err
	}
	if pem != nil {
		tlsConfig.RootCAs = x509.NewCertPool()
		if !tlsConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, failure.Configf("AWS_CA_BUNDLE: no certificate in PEM in the file it names")
		}
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			TLSHandshakeTimeout:    3 * time.Second,
			TLSClientConfig:        tlsConfig,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 16 << 10,
			Protocols:              protocols,
		},
	}, nil
}
