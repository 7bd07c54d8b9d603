// Package sdk proves with the real AWS SDKs what sts-helper claims for them: that each of them,
// unchanged, gets its credentials through credential_process, through the container endpoint and
// through the metadata endpoint. It has nothing but tests and the few lines that drive each SDK;
// install.sh installs the SDKs, each pinned by a lock file in its own folder.
//
// Every client runs in a network namespace that has loopback alone, so none can reach AWS, and
// the STS of package emulator verifies each signature.
package sdk
