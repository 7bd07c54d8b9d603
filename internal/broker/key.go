package broker

import (
	"context"

	"github.com/sts-helper/sts-helper/internal/iam"
	"github.com/sts-helper/sts-helper/token"
)

// Caller asks STS who c are. Its errors are classified.
func (p *Provider) Caller(ctx context.Context, c token.Credentials) (token.Principal, error) {
	client, err := p.client()
	if err != nil {
		return token.Principal{}, err
	}
	who, err := client.Caller(ctx, signer(c))
	if err != nil {
		if ctx.Err() != nil {
			return token.Principal{}, context.Cause(ctx)
		}
		return token.Principal{}, fromSTS(err)
	}
	return who, nil
}

// IAM is the IAM of p's partition.
func (p *Provider) IAM() (iam.Client, error) {
	pem, err := p.CABundle()
	return iam.Client{Partition: p.req.Partition, Region: p.req.Region, Getenv: p.opts.Env.Getenv, CABundle: pem}, err
}
