package mfa

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/iam"
)

// AutoSerial as a serial number means the one MFA device that the user of the access key has.
const AutoSerial = "auto"

// DirectoryTimeout bounds the one request to IAM.
const DirectoryTimeout = iam.Timeout

// ErrNotOne is matched by the errors of [Directory.Serial] for a user who has no device, or several.
var ErrNotOne = errors.New("the user does not have one MFA device")

const nameIt = "name the device in mfa_serial or --mfa-serial"

// Directory is the IAM that knows which MFA devices a user has.
type Directory iam.Client

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

// listing is IAM's answer.
type listing struct {
	Serials []string `xml:"ListMFADevicesResult>MFADevices>member>SerialNumber"`
}

// Serials are those of the user's devices that show codes; the errors are classified. "u2f" in an ARN is a security key
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
func (d Directory) Serials(ctx context.Context, creds aws.Credentials) ([]string, error) {
	var l listing
	_, err := iam.Client(d).Do(ctx, creds, "ListMFADevices", &l)
	if e, ok := errors.AsType[*iam.Error](err); ok {
		if e.Denied {
			return nil, &failure.Error{Class: failure.Denied, Final: true, Next: "allow iam:ListMFADevices, or " + nameIt, Text: "the MFA device could not be looked up: " + e.Error()}
		}
		return nil, &failure.Error{Class: failure.Unreachable, Next: "try again, or name the device in mfa_serial", Text: "the MFA device could not be looked up: " + e.Error()}
	}
	if err != nil {
		return nil, err
	}
	var serials []string
	for _, s := range l.Serials {
		if s = strings.TrimSpace(s); s != "" && !strings.Contains(s, ":u2f/") {
			serials = append(serials, s)
		}
	}
	return serials, nil
}
