package sts

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/token"
)

// failed makes an Error of an attempt: x is what went over the wire, err what the SDK made of it,
// ctx the caller's.
func (c *Client) failed(ctx context.Context, r Request, x *exchange, err error, secrets []string) *Error {
	e := &Error{
		Operation:  r.Operation,
		Endpoint:   c.host,
		HTTPStatus: x.status,
		RequestID:  scrub(x.requestID, secrets),
		Unsent:     x.unsent(),
		Skew:       x.skew,
	}
	var api smithy.APIError
	var bad *badAnswer
	switch said := errors.As(err, &api); {
	case x.err == nil && said && api.ErrorCode() != "UnknownError":
		e.Code = display.Clip(scrub(api.ErrorCode(), secrets), 64)
		e.Message = display.Clip(scrub(api.ErrorMessage(), secrets), maxMessage)
		e.Class = classify(e.Operation, e.Code, e.Message, x.status)
		if e.Class == SourceRejected && e.Code == "SignatureDoesNotMatch" && (e.clockOff() || strings.HasPrefix(e.Message, "Signature expired") ||
			strings.HasPrefix(e.Message, "Signature not yet current")) {
			e.Class = ClockWrong
		}
		e.Err = &smithy.GenericAPIError{Code: e.Code, Message: e.Message, Fault: api.ErrorFault()}
	case x.status == http.StatusTooManyRequests:
		e.Class, e.Message = Throttled, "too many requests"
	case x.status >= 500:
		e.Class, e.Message = Unavailable, httpStatus(x.status)
	case errors.As(x.err, &bad):
		e.Class, e.Message, e.Err = BadAnswer, display.Clip(scrub("got "+bad.text, secrets), maxMessage), bad
	case x.err == nil && x.status != 0:
		// The SDK's own words may quote the answer.
		e.Class, e.Message = BadAnswer, "got an answer that cannot be read"
	case ctx.Err() == context.Canceled:
		e.Class, e.Message, e.Err = Canceled, "canceled", context.Canceled
	case ctx.Err() != nil:
		e.Class, e.Message, e.Err = Unreachable, "no answer within the time the caller gave", ctx.Err()
	case x.err != nil:
		e.Class, e.Message, e.Err = Unreachable, display.Clip(scrub(reason(x.err), secrets), maxMessage), cause(x.err)
	case errors.Is(err, context.DeadlineExceeded):
		e.Class, e.Message, e.Err = Unreachable, "no time was left", os.ErrDeadlineExceeded
	default:
		// Nothing was sent, and by no fault of the network: the SDK refused the request.
		e.Class, e.Message, e.Err = Invalid, display.Clip(scrub(err.Error(), secrets), maxMessage), nil
	}
	return e
}

// cause is what an Error wraps of a failed round trip. Our own limits end in
// os.ErrDeadlineExceeded and never in the errors of context, which are for the caller's context.
func cause(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return os.ErrDeadlineExceeded
	}
	return err
}

func httpStatus(status int) string {
	if t := http.StatusText(status); t != "" {
		return "status " + strings.ToLower(t)
	}
	return "status unknown"
}

// classify sorts an error of STS. The code decides; where one code means several things, its text.
// (https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, and the operations' own.)
func classify(op token.Operation, code, message string, status int) Class {
	switch code {
	case "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
		"TooManyRequestsException", "RequestLimitExceeded", "SlowDown", "BandwidthLimitExceeded", "PriorRequestNotComplete":
		return Throttled
	case "IDPCommunicationError", "InternalFailure", "InternalError", "InternalServerError", "ServiceUnavailable",
		"ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException":
		return Unavailable
	case "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture":
		return ClockWrong
	case "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "ExpiredToken", "ExpiredTokenException",
		"InvalidToken", "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken",
		"MissingAuthenticationTokenException", "AuthFailure", "InvalidIdentityToken", "IDPRejectedClaim", "InvalidSubjectCredentials":
		return SourceRejected
	case "AccessDenied", "AccessDeniedException":
		switch {
		case strings.Contains(message, "MultiFactorAuthentication failed"):
			return MFARejected
		case strings.Contains(message, "with session credentials"):
			return SourceRejected
		}
		return Denied
	case "UnauthorizedOperation", "NotAuthorized", "OptInRequired", "SessionDurationEscalationException", "OutboundWebIdentityFederationDisabledException":
		return Denied
	}
	switch {
	case status == http.StatusTooManyRequests:
		return Throttled
	case status >= 500:
		return Unavailable
	}
	return Invalid
}
