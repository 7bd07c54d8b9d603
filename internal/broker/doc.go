// Package broker turns a request into credentials: it names the token, looks in the cache,
// waits for or takes the lock, finds the source credentials, asks the user for an MFA code
// where one is needed, and asks STS.
//
// The command and the public package provider are made from it. It takes validated requests
// of package settings; package provider has the API that other programs can rely on.
package broker
