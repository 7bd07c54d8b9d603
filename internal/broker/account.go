package broker

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/token"
)

// WithAccount is p for a caller that needs to know the account: instance metadata names it. Where
// neither the key nor STS's answer says it, STS is asked once for each set of credentials whose they
// are. What cannot be found out stays empty; the credentials are good all the same.
func (p *Provider) WithAccount() aws.CredentialsProvider { return &withAccount{Provider: p} }

type withAccount struct {
	*Provider
	mu           sync.Mutex
	key, account string // of the credentials that were asked about last
}

// Retrieve implements [aws.CredentialsProvider].
func (w *withAccount) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := w.Provider.Retrieve(ctx)
	if err != nil || c.AccountID != "" {
		return c, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.key != c.AccessKeyID {
		client, err := w.client()
		if err != nil {
			return c, nil
		}
		who, err := client.Caller(ctx, aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil }))
		if err != nil {
			return c, nil
		}
		w.key, w.account = c.AccessKeyID, token.AccountFromARN(who.ARN)
	}
	c.AccountID = w.account
	return c, nil
}
