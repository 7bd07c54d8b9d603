// Package iam asks IAM: small signed requests of the query API, like those to STS. The SDK's service/iam is not
// linked for a handful of operations: every start of the program would pay for it.
package iam

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/transport"
)

// Timeout bounds one request.
const Timeout = 10 * time.Second

// maxAnswer bounds IAM's answer, in bytes.
const maxAnswer = 64 << 10

// Client is the IAM of a partition.
type Client struct {
	Partition, Region string
	// Getenv gives the variables that name another endpoint. Required.
	Getenv func(name string) string
	// CABundle are certificates in PEM to trust; nil means the system's.
	CABundle []byte
}

// Error is why a request to IAM came to nothing. Its text says what happened behind the subject of the caller: "IAM at
// ... gave no answer".
type Error struct {
	Code   string // IAM's own, "" where it was not reached or did not say
	Status int    // of HTTP, 0 where there was no answer
	// Denied reports that IAM refused the request; else it may do it the next time.
	Denied bool
	text   string
}

func (e *Error) Error() string { return e.text }

// Do asks IAM for an operation, with parameters in pairs of name and value, reads its answer into answer,
// and gives the time that IAM says it is, zero where it does not. Errors
// are an [*Error], or classified ones for what cannot be asked.
func (c Client) Do(ctx context.Context, creds aws.Credentials, operation string, answer any, parameters ...string) (at time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	endpoint, region, err := c.endpoint()
	if err != nil {
		return at, err
	}
	form := url.Values{"Action": {operation}, "Version": {"2010-05-08"}}
	for i := 0; i+1 < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	req, err := transport.Query(ctx, creds, endpoint.String(), "iam", region, form)
	if err != nil {
		return at, failure.Sourcef(err, "the request to IAM could not be signed")
	}
	client, err := c.client()
	if err != nil {
		return at, err
	}
	where := "IAM at " + endpoint.Host + " "
	resp, err := client.Do(req)
	if err != nil {
		return at, &Error{text: where + "gave no answer (" + display.Cause(err) + ")"}
	}
	defer func() { _ = resp.Body.Close() }()
	at, _ = http.ParseTime(resp.Header.Get("Date"))
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	var refused struct {
		Code string `xml:"Error>Code"`
	}
	if err != nil || len(data) > maxAnswer || xml.Unmarshal(data, &refused) != nil || resp.StatusCode/100 == 4 && refused.Code == "" {
		return at, &Error{Status: resp.StatusCode, text: where + fmt.Sprintf("gave an answer that cannot be read (status %d)", resp.StatusCode)}
	}
	switch {
	case resp.StatusCode >= 500:
		return at, &Error{Status: resp.StatusCode, text: where + fmt.Sprintf("does not work (status %d)", resp.StatusCode)}
	case resp.StatusCode >= 400:
		return at, &Error{Code: refused.Code, Status: resp.StatusCode, Denied: refused.Code != "Throttling", text: fmt.Sprintf("IAM answered %s (status %d)", display.Safe(refused.Code), resp.StatusCode)}
	case resp.StatusCode != http.StatusOK:
		return at, &Error{Status: resp.StatusCode, text: where + fmt.Sprintf("gave an unexpected answer (status %d)", resp.StatusCode)}
	}
	if answer != nil && xml.Unmarshal(data, answer) != nil {
		return at, &Error{Status: resp.StatusCode, text: where + "gave an answer that cannot be read"}
	}
	return at, nil
}

// endpoint is where IAM is, and the region that its requests are signed for. IAM has one
// endpoint a partition (https://docs.aws.amazon.com/general/latest/gr/iam-service.html).
func (c Client) endpoint() (*url.URL, string, error) {
	where, region := "", c.Region
	if known := awsname.PartitionNamed(c.Partition); known != nil {
		where, region = "https://"+known.IAMHost+"/", known.IAMRegion
	}
	if !strings.EqualFold(c.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") {
		for _, name := range [...]string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM"} {
			if v := c.Getenv(name); v != "" {
				where = v
			}
		}
	}
	if where == "" {
		return nil, "", failure.Configf("where IAM is in partition %s is not known", display.Safe(c.Partition)).Do("set AWS_ENDPOINT_URL_IAM")
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
func (c Client) client() (*http.Client, error) {
	roots, err := transport.Roots(c.CABundle)
	if err != nil {
		return nil, failure.Configf("AWS_CA_BUNDLE: %v", err)
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     transport.New(roots, 3*time.Second),
	}, nil
}
