package sts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/transport"
	"github.com/sts-helper/sts-helper/token"
)

// Options say where STS is and how to get there. The zero value of a field means its default.
type Options struct {
	// Region is the AWS region whose STS is asked and for which requests are signed. "aws-global" is
	// the global endpoint. It is required unless Endpoint is set; then the default is us-east-1.
	Region string
	// Endpoint is the URL of STS, https; plain http is for loopback only, unless AllowHTTP. The
	// default is the region's endpoint.
	Endpoint  string
	AllowHTTP bool
	// FIPS and DualStack choose the region's endpoint of that kind. They exclude Endpoint.
	FIPS, DualStack bool
	// CABundle are the certificates, PEM, that are trusted instead of the system's.
	CABundle []byte
	// Proxy chooses a proxy, as http.Transport's Proxy; the default is http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)
	// Transport replaces the transport, and with it CABundle, Proxy, and the limits on connecting; those
	// on the answer hold. As it is not known what it does, no request is then taken for unsent.
	Transport http.RoundTripper
	// AccountID, where set, is the only account whose credentials are accepted.
	AccountID string
	// Log gets a line before each attempt ([Asked]: operation, endpoint, attempt, of) and one after it
	// ([Answered] or [Failed]), at level debug. The default is none.
	Log *slog.Logger
}

// Client asks one STS. It is safe for concurrent use.
type Client struct {
	region    string
	endpoint  string // URL, "" for the region's own
	fips, ds  bool
	url, host string // the endpoint as resolved
	partition string
	account   string
	transport http.RoundTripper
	ours      bool
	log       *slog.Logger
	skew      atomic.Int64
}

// New checks the options and finds the endpoint. It opens no connection.
func New(o Options) (*Client, error) {
	c := &Client{region: o.Region, endpoint: o.Endpoint, fips: o.FIPS, ds: o.DualStack, account: o.AccountID, log: o.Log}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if o.AccountID != "" && !token.ValidAccountID(o.AccountID) {
		return nil, fmt.Errorf("account id %s must be twelve digits", display.Quote(o.AccountID))
	}
	if c.region == "" {
		if c.endpoint == "" {
			return nil, errors.New("no region for STS: set one, or an endpoint")
		}
		c.region = "us-east-1"
	}
	if !awsname.ValidRegion(c.region) {
		return nil, fmt.Errorf("region %s must be 1 to 63 of a-z 0-9 -", display.Quote(c.region))
	}
	if c.endpoint != "" {
		if o.FIPS || o.DualStack {
			return nil, errors.New("an STS endpoint of your own cannot be combined with FIPS or dual-stack endpoints: set one or the other")
		}
		if what, do := awsname.CheckEndpoint(c.endpoint, o.AllowHTTP); what != "" {
			return nil, fmt.Errorf("the STS endpoint %s; %s", what, do)
		}
	}
	if err := c.resolve(); err != nil {
		return nil, err
	}
	if c.transport = o.Transport; c.transport == nil {
		roots, err := transport.Roots(o.CABundle)
		if err != nil {
			return nil, err
		}
		c.transport, c.ours = newTransport(roots, o.Proxy), true
	}
	return c, nil
}

// resolve finds the endpoint by the SDK's rules.
func (c *Client) resolve() error {
	p := awssts.EndpointParameters{
		Region: &c.region, Endpoint: optional(c.endpoint),
		UseFIPS: &c.fips, UseDualStack: &c.ds, UseGlobalEndpoint: aws.Bool(false),
	}
	e, err := awssts.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(), p)
	if err != nil {
		return fmt.Errorf("no STS endpoint for region %s: %s", c.region, display.Clip(err.Error(), maxMessage))
	}
	c.url, c.host = e.URI.String(), e.URI.Host
	c.partition = awsname.PartitionOf(c.region).Name
	return nil
}

// Endpoint is the URL that requests are sent to.
func (c *Client) Endpoint() string { return c.url }

// Region is the region that requests are signed for.
func (c *Client) Region() string { return c.region }

// Skew is STS's clock less this machine's, in whole seconds, at the last answer; 0 before any.
func (c *Client) Skew() time.Duration { return time.Duration(c.skew.Load()) }

// global reports whether the endpoint is the one that serves no region of its own.
func (c *Client) global() bool {
	return awsname.GlobalSTS(c.endpoint, c.region) || awsname.GlobalSTS(c.url, c.region)
}

// pause waits before a second attempt.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d + rand.N(d))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
