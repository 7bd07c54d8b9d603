package sts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/token"
)

// Do asks STS for what r says, signed with credentials of source; web identity and SAML requests
// are not signed and source may be nil. Within ten seconds (source's own time apart) it gives a
// token that passed every check, or an [*Error] and no token.
//
// The request is sent once. A second attempt is made only where the first certainly sent nothing,
// or, for a request without an MFA code, where STS said that it is too busy.
func (c *Client) Do(ctx context.Context, r Request, source aws.CredentialsProvider) (token.Token, error) {
	if err := r.Validate(); err != nil {
		return token.Token{}, &Error{Operation: r.Operation, Class: Invalid, Message: err.Error(), Unsent: true, Err: err}
	}
	return c.exchange(ctx, r, source)
}

// exchange is Do for a request that is valid, or is [Client.Caller]'s.
func (c *Client) exchange(ctx context.Context, r Request, source aws.CredentialsProvider) (token.Token, error) {
	op := r.Operation
	if regionalOnly(op) && c.global() {
		return token.Token{}, &Error{Operation: op, Class: Invalid, Endpoint: c.host, Unsent: true,
			Message: "it works at regional endpoints only: set a region"}
	}
	secrets := r.secrets()
	var creds aws.Credentials
	if r.signed() {
		var err *Error
		if creds, err = c.source(ctx, r, source); err != nil {
			return token.Token{}, err
		}
		secrets = append(secrets, creds.SecretAccessKey, creds.SessionToken)
	}
	limited, cancel := context.WithTimeout(ctx, totalTime)
	defer cancel()
	for n := 1; ; n++ {
		start := time.Now()
		c.log.DebugContext(ctx, Asked, "operation", op, "endpoint", c.host, "attempt", n, "of", MaxAttempts)
		t, x, err := c.attempt(ctx, limited, r, creds, secrets)
		if x.skew != 0 || x.status != 0 {
			c.skew.Store(int64(x.skew))
		}
		if err == nil {
			c.log.DebugContext(ctx, Answered, "operation", op, "endpoint", c.host, "attempt", n, "took", time.Since(start), "skew", x.skew)
			return t, nil
		}
		c.log.DebugContext(ctx, Failed, "operation", op, "endpoint", c.host, "attempt", n, "took", time.Since(start),
			"class", string(err.Class), "code", err.Code, "status", err.HTTPStatus, "sent", err.Sent(), "error", err.Error())
		wait, again := c.again(r, x, err)
		if !again || n == MaxAttempts || pause(limited, wait) != nil {
			return token.Token{}, err
		}
	}
}

// again decides about a second attempt.
func (c *Client) again(r Request, x *exchange, e *Error) (time.Duration, bool) {
	var cert *tls.CertificateVerificationError
	switch {
	case e.Class == Unreachable && e.Unsent && !errors.As(x.err, &cert):
		return pauseUnsent, true
	case r.TokenCode != "": // a code works once
		return 0, false
	case e.Class == Throttled, x.status == http.StatusServiceUnavailable:
		return BusyPause, true
	}
	return 0, false
}

// attempt sends the request once. ctx is the caller's, limited the same with the time left.
func (c *Client) attempt(ctx, limited context.Context, r Request, creds aws.Credentials, secrets []string) (token.Token, *exchange, *Error) {
	limited, cancel := context.WithTimeout(limited, attemptTime)
	defer cancel()
	x := &exchange{transport: c.transport, ours: c.ours, operation: r.Operation}
	o := awssts.Options{
		Region:       c.region,
		BaseEndpoint: optional(c.endpoint),
		AppID:        "sts-helper",
		HTTPClient:   x,
		Retryer:      aws.NopRetryer{},
		// We sign once, at our own time, and say so when it was wrong.
		DisableClockSkewCorrection: true,
	}
	if c.fips {
		o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
	}
	if c.ds {
		o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
	}
	if r.signed() {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil })
	}
	var said token.Token
	var err error
	if r.Operation == token.GetScopedCredentials {
		said, err = c.sendScoped(limited, r, x, creds)
	} else {
		said, err = r.send(limited, awssts.New(o))
	}
	if err != nil {
		return token.Token{}, x, c.failed(ctx, r, x, err, secrets)
	}
	where := callContext{partition: c.partition, sourceAccount: token.AccountFromAccessKeyID(creds.AccessKeyID)}
	if creds.CanExpire {
		where.sourceEnds = creds.Expires
	}
	t, err := verifyResponse(r, said, where, x.arrived)
	if err == nil && c.account != "" && r.Operation != callerOperation && t.Credentials.AccountID != c.account {
		err = identityMismatch("it is of account %s, and only %s is accepted", orUnknown(t.Credentials.AccountID), c.account)
	}
	if err == nil {
		return t, x, nil
	}
	secrets = append(secrets, said.Credentials.SecretAccessKey, said.Credentials.SessionToken)
	e := c.failed(ctx, r, x, err, secrets)
	e.Class, e.Message, e.Err = BadAnswer, display.Clip(scrub(err.Error(), secrets), maxMessage), nil
	if errors.Is(err, ErrWrongIdentity) {
		e.Err = ErrWrongIdentity
	}
	return token.Token{}, x, e
}

// source gets the source credentials, and refuses those that STS would refuse.
func (c *Client) source(ctx context.Context, r Request, p aws.CredentialsProvider) (aws.Credentials, *Error) {
	op := r.Operation
	refuse := func(message string, cause error) (aws.Credentials, *Error) {
		return aws.Credentials{}, &Error{Operation: op, Class: SourceRejected, Message: message, Unsent: true, Err: cause}
	}
	if p == nil || aws.IsCredentialsProvider(p, (*aws.AnonymousCredentials)(nil)) {
		return refuse("there are no source credentials to sign it with; name a profile that has some", nil)
	}
	creds, err := p.Retrieve(ctx)
	if err != nil {
		_, e := refuse("no source credentials: "+display.Clip(redact(scrub(err.Error(), r.secrets())), maxMessage), err)
		if ctx.Err() == context.Canceled {
			e.Class, e.Message, e.Err = Canceled, "canceled while getting the source credentials", context.Canceled
		}
		return aws.Credentials{}, e
	}
	temporary := creds.SessionToken != "" || token.TemporaryKeyID(creds.AccessKeyID)
	switch {
	case !token.ValidSecret(creds.AccessKeyID) || !token.ValidSecret(creds.SecretAccessKey):
		return refuse("the source credentials have no access key id or no secret access key, or one with blanks in it; correct them", nil)
	case temporary && (op == token.GetSessionToken || op == token.GetFederationToken):
		return refuse(fmt.Sprintf("the source credentials (%s) are temporary, and STS wants the long-term access key of an IAM user for this operation; "+
			"name a profile with such a key, or assume a role instead", display.Quote(creds.AccessKeyID)), nil)
	case temporary && !token.ValidSecret(creds.SessionToken):
		return refuse(fmt.Sprintf("the source credentials (%s) are temporary and their session token is missing or malformed; set it, or renew them", display.Quote(creds.AccessKeyID)), nil)
	case !temporary && op == token.GetScopedCredentials:
		return refuse(fmt.Sprintf("the source credentials (%s) are a long-term access key, and STS narrows temporary credentials only; "+
			"get a session with them first (GetSessionToken), or a federation token", display.Quote(creds.AccessKeyID)), nil)
	case creds.CanExpire && !creds.Expires.Round(0).After(time.Now().Round(0)):
		return refuse(fmt.Sprintf("the source credentials (%s) ended at %s; renew them", display.Quote(creds.AccessKeyID), stamp(creds.Expires)), nil)
	}
	return creds, nil
}

// regionalOnly reports whether the global endpoint does not have the operation.
func regionalOnly(op token.Operation) bool {
	switch op {
	case token.AssumeRoot, token.GetScopedCredentials, token.GetWebIdentityToken:
		return true
	}
	return false
}

func orUnknown(account string) string {
	if account == "" {
		return "unknown"
	}
	return account
}
