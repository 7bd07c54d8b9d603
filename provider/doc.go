// Package provider turns a request into credentials: it names the token, looks in the
// cache, waits for or takes the lock, finds the source credentials, asks the person where
// one is needed, and asks STS.
//
// A [Provider] is an [aws.CredentialsProvider]. Go programs can use it instead of starting
// the command, and then share its cache with every process of the machine:
//
//	req, err := profile.Load(profile.Flags{"source-profile": {"base"}}, profile.ProcessEnvironment())
//	p, err := provider.New(req, provider.Options{})
//	cfg, err := config.LoadDefaultConfig(ctx, config.WithCredentialsProvider(p))
package provider
