package mfa

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/transport"
)

// AutoSerial as a serial number means the one MFA device that the user of the access key has.
const AutoSerial = "auto"

// DirectoryTimeout bounds the one request to IAM.
const DirectoryTimeout = 10 * time.Second

// maxListing bounds IAM's answer, in bytes.
const maxListing = 64 << 10

// ErrNotOne is matched by the errors of [Directory.Serial] for a user who has no device, or several.
var ErrNotOne = errors.New("the user does not have one MFA device")

const nameIt = "name the device in mfa_serial or --mfa-serial"

// Directory is the IAM that knows which MFA devices a user has.
type Directory struct {
	Partition, Region string
	// Getenv gives the variables that name another endpoint. Required.
	Getenv func(name string) string
	// CABundle are certificates in PEM to trust; nil means the system's.
	CABundle []byte
}

// Serial is the serial number of the one device that the user of creds has and that shows codes.
// It asks IAM once (iam:ListMFADevices); its errors are classified, see package failure.
func (d Directory) Serial(ctx context.Context, creds aws.Credentials) (string, error) {
	serials, err := d.Serials(ctx, creds)
	if err != nil {
		return "", err
	}
	var e *failure.Error
	switch len(serials) {
	case 0:
		e = failure.Configf("the user of access key %s has no MFA device that shows codes (security keys do not work with STS)", creds.AccessKeyID).
			Do(nameIt + ", or remove the setting")
	case 1:
		return serials[0], nil
	default:
		e = failure.Configf("the user of access key %s has %d MFA devices (%s)", creds.AccessKeyID, len(serials), display.Safe(strings.Join(serials, ", "))).Do(nameIt)
	}
	e.Err = ErrNotOne
	return "", e
}

// listing is IAM's answer, of either kind.
type listing struct {
	Serials []string `xml:"ListMFADevicesResult>MFADevices>member>SerialNumber"`
	Code    string   `xml:"Error>Code"`
}

// Serials are those of the user's devices that show codes; the errors are classified. "u2f" in an ARN is a security key
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
func (d Directory) Serials(ctx context.Context, creds aws.Credentials) ([]string, error) {
	endpoint, region, err := d.endpoint()
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
	if err := v4.NewSigner().SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), "iam", region, time.Now()); err != nil {
		return nil, failure.Sourcef(nil, "the request to IAM could not be signed")
	}
	client, err := d.client()
	if err != nil {
		return nil, err
	}
	unreachable := func(what string) error {
		return &failure.Error{Class: failure.Unreachable, Next: "try again, or name the device in mfa_serial",
			Text: fmt.Sprintf("the MFA device could not be looked up: IAM at %s %s", endpoint.Host, what)}
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, unreachable("gave no answer (" + display.Cause(err) + ")")
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxListing+1))
	var l listing
	if err != nil || len(data) > maxListing || xml.Unmarshal(data, &l) != nil {
		return nil, unreachable(fmt.Sprintf("gave an answer that cannot be read (status %d)", resp.StatusCode))
	}
	switch {
	case resp.StatusCode >= 500:
		return nil, unreachable(fmt.Sprintf("does not work (status %d)", resp.StatusCode))
	case resp.StatusCode >= 400:
		return nil, &failure.Error{Class: failure.Denied, Final: true, Next: "allow iam:ListMFADevices, or " + nameIt,
			Text: fmt.Sprintf("the MFA device could not be looked up: IAM answered %s (status %d)", display.Safe(l.Code), resp.StatusCode)}
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

// endpoint is where IAM is, and the region that its requests are signed for. IAM has one
// endpoint a partition (https://docs.aws.amazon.com/general/latest/gr/iam-service.html).
func (d Directory) endpoint() (*url.URL, string, error) {
	where, region := "", d.Region
	if known := awsname.PartitionNamed(d.Partition); known != nil {
		where, region = "https://"+known.IAMHost+"/", known.IAMRegion
	}
	if !strings.EqualFold(d.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") {
		for _, name := range [...]string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM"} {
			if v := d.Getenv(name); v != "" {
				where = v
			}
		}
	}
	if where == "" {
		return nil, "", failure.Configf("mfa_serial is %q, and where IAM is in partition %s is not known", AutoSerial, display.Safe(d.Partition)).Do("name the device in mfa_serial")
	}
	if what, do := awsname.CheckEndpoint(where, false); what != "" {
		return nil, "", failure.Configf("the IAM endpoint %s", what).Do("%s", do)
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

// client is for one request, without redirects.
func (d Directory) client() (*http.Client, error) {
	roots, err := transport.Roots(d.CABundle)
	if err != nil {
		return nil, failure.Configf("AWS_CA_BUNDLE: %v", err)
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     transport.New(roots, 3*time.Second),
	}, nil
}
