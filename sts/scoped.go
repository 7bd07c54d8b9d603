package sts

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/internal/transport"
	"github.com/sts-helper/sts-helper/token"
)

// sendScoped sends GetScopedCredentials. The SDK (service/sts v1.52.0) does not have the operation yet:
// this is its query, as the model has it (botocore 1.44.8, data/sts/2011-06-15), and the SDK's signature.
func (c *Client) sendScoped(ctx context.Context, r Request, x *exchange, creds aws.Credentials) (token.Token, error) {
	req, err := transport.Query(ctx, creds, strings.TrimSuffix(c.url, "/")+"/", "sts", c.region, r.scopedQuery())
	if err != nil {
		return token.Token{}, err
	}
	resp, err := x.Do(req)
	if err != nil {
		return token.Token{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return token.Token{}, apiError(resp.Body)
	}
	return scopedAnswer(resp.Body)
}

// scopedQuery is r, a GetScopedCredentials, as the query API has it.
func (r Request) scopedQuery() url.Values {
	q := url.Values{"Action": {string(r.Operation)}, "Version": {"2011-06-15"}}
	for name, value := range map[string]string{"Policy": r.Policy, "ScopedSessionDescription": r.ScopedSessionDescription} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if r.Duration != 0 {
		q.Set("DurationSeconds", strconv.FormatInt(int64(r.Duration/time.Second), 10))
	}
	return q
}

// errUnreadable is an answer whose members are not what they must be. What of the document an error of
// package xml would show may be a secret.
var errUnreadable = errors.New("the answer cannot be read")

// apiError is the error in an answer of STS.
func apiError(body io.Reader) error {
	var said struct {
		Error struct{ Code, Message string }
	}
	if xml.NewDecoder(body).Decode(&said) != nil || said.Error.Code == "" {
		return errUnreadable
	}
	return &smithy.GenericAPIError{Code: said.Error.Code, Message: said.Error.Message}
}

// scopedAnswer is what STS said, not checked yet.
func scopedAnswer(body io.Reader) (token.Token, error) {
	var said struct {
		Result struct {
			Credentials struct {
				AccessKeyID     string     `xml:"AccessKeyId"`
				SecretAccessKey string     `xml:"SecretAccessKey"`
				SessionToken    string     `xml:"SessionToken"`
				Expiration      *time.Time `xml:"Expiration"`
			}
			SessionInfo *struct {
				ID  string `xml:"ScopedSessionId"`
				ARN string `xml:"Arn"`
			}
			SourceIdentity          string
			ScopedPoliciesCount     *int32
			SessionTokenSize        *int32
			SessionTokenUtilization *int32
		} `xml:"GetScopedCredentialsResult"`
	}
	if xml.NewDecoder(body).Decode(&said) != nil {
		return token.Token{}, errUnreadable
	}
	r := &said.Result
	t := token.Token{
		Credentials: token.Credentials{
			AccessKeyID: r.Credentials.AccessKeyID, SecretAccessKey: r.Credentials.SecretAccessKey, SessionToken: r.Credentials.SessionToken,
		},
		SourceIdentity: r.SourceIdentity, ScopedPolicies: r.ScopedPoliciesCount,
		SessionTokenSize: r.SessionTokenSize, SessionTokenUtilization: r.SessionTokenUtilization,
	}
	if end := r.Credentials.Expiration; end != nil {
		t.Credentials.CanExpire, t.Credentials.Expires = true, *end
	}
	if s := r.SessionInfo; s != nil {
		t.ScopedSession = &token.Principal{ID: s.ID, ARN: s.ARN}
	}
	return t, nil
}

// verifyScoped compares the session with the principal that it was made from.
func verifyScoped(r Request, where callContext, t *token.Token) error {
	if t.ScopedSession == nil {
		return errors.New("the answer does not name the scoped session")
	}
	id, arn := t.ScopedSession.ID, t.ScopedSession.ARN
	p, ok := awsname.ParseARN(arn)
	switch {
	case len(id) < stsfield.MinPrincipalID || len(id) > stsfield.MaxPrincipalID || !display.Printable(id) || len(arn) > stsfield.MaxARN || !display.Printable(arn) || !ok || !token.ValidAccountID(p.Account):
		return errors.New("the id or the ARN of the scoped session in the answer is missing or malformed")
	case p.Partition != where.partition:
		return identityMismatch("it names %s, and the partition %s was asked", display.Safe(arn), where.partition)
	case where.sourceAccount != "" && p.Account != where.sourceAccount:
		return identityMismatch("it names %s, and the source is of account %s", display.Safe(arn), where.sourceAccount)
	case r.SourceARN != "" && arn != r.SourceARN:
		return identityMismatch("it names %s, and the credentials that were to be narrowed are those of %s", display.Safe(arn), display.Safe(r.SourceARN))
	}
	t.Credentials.AccountID = p.Account
	return nil
}
