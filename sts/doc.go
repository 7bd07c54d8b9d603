// Package sts asks AWS STS for credentials, once, and verifies the answer before using it.
//
// A [Request] is for one operation of the STS API (version 2011-06-15).
// [Client.Do] checks it, sends it, checks what came back, and gives a [token.Token] or an [*Error]:
//
//	client, err := sts.New(sts.Options{Region: "eu-west-1"})
//	tok, err := client.Do(ctx, sts.Request{Operation: token.GetSessionToken, Duration: 12 * time.Hour}, source)
//
// Around the SDK's STS client this package adds what a credential helper needs and the SDK leaves
// out: a request that may have reached STS is never sent again when it carries an MFA code (a code
// works once), an answer has a size limit and a time limit, redirects are not followed, and a token
// is returned only if it is complete, lives as long as was asked for, and names the account, role
// and session, or the federated user, that was asked for.
//
// The limits on requests are those of the API's model and reference
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html).
package sts
