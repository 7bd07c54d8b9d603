package sts

import (
	"fmt"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// Class says what kind of failure an [Error] is, and so what to do about it.
type Class string

const (
	// Invalid: the request itself is at fault, by our own check or STS's. Final.
	Invalid Class = "invalid"
	// Denied: STS knows who asks and says no. Final.
	Denied Class = "denied"
	// SourceRejected: what was to prove who asks (keys, session, web identity token, assertion) is
	// missing, unknown, expired, or of a kind that may not call the operation. Final.
	SourceRejected Class = "source-rejected"
	// MFARejected: the MFA code or the device's serial number is wrong, or the code was used before. Final.
	MFARejected Class = "mfa-rejected"
	// ClockWrong: the signature's time was refused; this machine's clock is off. Not final.
	ClockWrong Class = "clock-wrong"
	// Throttled: too many requests. Not final.
	Throttled Class = "throttled"
	// Unavailable: STS, or the identity provider it asks, does not work. Not final.
	Unavailable Class = "unavailable"
	// Unreachable: no answer: look-up, connection, handshake, time. Not final.
	Unreachable Class = "unreachable"
	// BadAnswer: an answer that is not STS's, not complete, out of date, or about another identity. Not final.
	BadAnswer Class = "bad-answer"
	// Canceled: the caller's context was canceled. Not final.
	Canceled Class = "canceled"
)

// Error is why [Client.Do] gave no token.
type Error struct {
	Operation  token.Operation
	Class      Class
	Endpoint   string        // the host asked; empty when the failure came before
	Code       string        // STS's error code, empty where STS gave none
	Message    string        // STS's words, or ours where it gave none: one line, at most 300 bytes, no secrets
	HTTPStatus int           // of the answer, 0 without one
	RequestID  string        // of the answer, for AWS support
	Unsent     bool          // certain that the request never left this machine
	Skew       time.Duration // STS's clock less this machine's, whole seconds, 0 where unknown
	// Err is the cause: a *FieldError, ErrWrongIdentity, a smithy.APIError with Code and Message,
	// an error of net or crypto/tls, or the error of the caller's context. It may be nil. Our own time
	// limits are os.ErrDeadlineExceeded, so that context.DeadlineExceeded is always the caller's.
	// Show the Error and not its cause: the cause's words are not ours, and may be anything.
	Err error
}

// Final reports whether asking again with the same request and the same source is pointless.
func (e *Error) Final() bool {
	switch e.Class {
	case Invalid, Denied, SourceRejected, MFARejected:
		return true
	}
	return false
}

// Sent reports whether the request may have reached STS. An MFA code in it must then be taken for
// used, whatever came back.
func (e *Error) Sent() bool { return !e.Unsent }

// Unwrap gives the error of the SDK, or of the connection; nil where there was none.
func (e *Error) Unwrap() error { return e.Err }

// Error is one line: what was tried, what came back, what to do next.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Operation))
	if e.Endpoint != "" {
		b.WriteString(" at " + e.Endpoint)
	}
	b.WriteString(": ")
	if e.Code != "" {
		b.WriteString(e.Code + ": ")
	}
	b.WriteString(strings.TrimRight(e.Message, ". "))
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	if next := e.next(); next != "" {
		b.WriteString("; " + next)
	}
	return b.String()
}

// clockOff reports whether the clocks differ so much that it explains a failure.
func (e *Error) clockOff() bool { return e.Skew > maxSkew || e.Skew < -maxSkew }

// next is what the user can do about it.
func (e *Error) next() string {
	if e.clockOff() && (e.Class == ClockWrong || e.Class == BadAnswer || e.Class == SourceRejected) {
		if e.Skew > 0 {
			return fmt.Sprintf("this machine's clock is %s behind that of STS, set it", around(e.Skew))
		}
		return fmt.Sprintf("this machine's clock is %s ahead of that of STS, set it", around(-e.Skew))
	}
	switch e.Class {
	case Denied:
		return e.nextDenied()
	case Invalid:
		return e.nextInvalid()
	case SourceRejected:
		return e.nextSource()
	case MFARejected:
		if strings.Contains(e.Message, "serial number") {
			return "check the serial number: it must be of a device of the user who owns the access key"
		}
		return "wait for the device's next code: each works once"
	case ClockWrong:
		return "check this machine's clock"
	case Throttled:
		return "try again in a minute"
	case Unavailable:
		return "try again, or another region"
	case Unreachable:
		return "check the network, the proxy settings and the endpoint"
	case BadAnswer:
		if _, ok := e.Err.(*badAnswer); ok {
			return "check the endpoint, and whether a proxy or a login page is in between"
		}
		return "nothing of it was used; check the endpoint"
	}
	return ""
}

func (e *Error) nextDenied() string {
	switch {
	case strings.Contains(e.Message, "root accounts"):
		return "use the keys of an IAM user or a role"
	case e.Operation == token.GetSessionToken:
		return "ask who administers the account"
	case e.Operation == token.GetFederationToken:
		return "the user needs permission for sts:GetFederationToken"
	case e.Operation == token.AssumeRole:
		return "the role must trust the caller, the caller needs sts:AssumeRole, and an external id or MFA may be asked for"
	case e.Operation == token.GetScopedCredentials:
		return fmt.Sprintf("a session takes %d policies of GetScopedCredentials at most, those that other programs put on it included; "+
			"and neither a policy of the source nor one of the organization may deny sts:GetScopedCredentials", stsfield.MaxScopedPolicies)
	case e.Code == "OutboundWebIdentityFederationDisabledException":
		return "who administers the account can enable it: aws iam enable-outbound-web-identity-federation"
	case e.Code == "SessionDurationEscalationException":
		return "ask for less by --duration, or renew the credentials that ask"
	case e.Operation == token.GetWebIdentityToken:
		return "the caller needs sts:GetWebIdentityToken for this audience, duration and algorithm; session and federation tokens of a user cannot have it"
	case e.Operation == token.AssumeRoot:
		return "only the management or a delegated administrator account may, with sts:AssumeRoot"
	}
	return "the role must trust the identity provider and the conditions of its trust policy must hold"
}

func (e *Error) nextInvalid() string {
	switch e.Code {
	case "RegionDisabledException":
		return "use another region, or have STS activated in this one"
	case "PackedPolicyTooLarge":
		return "make the policy shorter, or pass fewer policy ARNs and tags"
	case "MalformedPolicyDocument":
		return "correct the policy"
	case "InsufficientSessionLifetime":
		return "ask for less, or leave out the duration: then they end with those that they are made from"
	case "JWTPayloadSizeExceededException":
		return "pass fewer tags"
	}
	switch {
	case strings.Contains(e.Message, "role chaining"):
		return "ask for 1h at most, or assume the role from a user's session instead of a role's"
	case strings.Contains(e.Message, "MaxSessionDuration"):
		return "ask for less, or raise the role's maximum session duration"
	}
	if e.Unsent {
		return "nothing was sent"
	}
	return ""
}

func (e *Error) nextSource() string {
	switch {
	case e.Operation == token.AssumeRoleWithWebIdentity:
		return "get a new web identity token, and check its audience and the provider in IAM"
	case e.Operation == token.AssumeRoleWithSAML:
		return "sign in again for a new assertion, and check the provider in IAM"
	case e.Code == "" && e.Unsent: // the message says it
		return ""
	}
	switch e.Code {
	case "ExpiredToken", "ExpiredTokenException":
		return "renew the source credentials"
	case "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId":
		return "check the source's access key id: it may be deleted, inactive, or of another partition"
	case "SignatureDoesNotMatch":
		return "check the source's secret access key"
	case "InvalidSubjectCredentials":
		return "renew the credentials that are to be narrowed"
	case "AccessDenied":
		return "use the access key of an IAM user"
	}
	return "check the source credentials"
}
