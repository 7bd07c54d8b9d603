// Package emulator is an AWS STS on loopback that is as strict as the real one,
// for tests and for the demo.
//
// It speaks the query protocol of STS (API version 2011-06-15), a little of EC2
// and of IAM, and what signing in needs: IAM Identity Center's portal and token
// service and AWS Sign-In with their pages, IAM Roles Anywhere, and the tokens of a
// GitHub Actions job, all on one listener; the service is the one named in the
// signature's credential scope, or the one that has the path. It recomputes every Signature Version 4, checks every parameter
// against the bounds of the service model, issues credentials that differ at every
// call, remembers whose they are, lets them end, and refuses what AWS refuses, in
// the words AWS uses. It shares no code with the AWS SDK, so it is a second opinion
// about what our requests look like on the wire.
//
//	e := emulator.New(emulator.World{})
//	alice := e.AddUser("111122223333", "alice")
//	if err := e.Start(); err != nil { ... }
//	defer e.Close()
//	// AWS_ENDPOINT_URL_STS=e.URL(), keys alice.AccessKeyID, alice.SecretAccessKey
//
// Every secret it makes contains the marker CANARY, so that a test can look for
// leaked secrets. Nothing here is fit for guarding anything.
package emulator
