// Package imds gives AWS credentials to programs over HTTP on loopback, in the two forms that every
// AWS SDK already asks for:
//
//   - container credentials: GET /credentials/NAME with an Authorization header, one name per profile
//     (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html);
//   - EC2 instance metadata, version 2 only, for one profile: PUT /latest/api/token, then GET with the
//     session token (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html).
//
// With [Config.Pods] it is the agent of a Kubernetes node instead: GET /v1/credentials with the token of a pod, by the contract
// of EKS Pod Identity.
//
// GET /healthz says "ready", or 503 and why not; it needs no authentication and holds no secret.
//
// A [Server] is given one [aws.CredentialsProvider] for each profile and knows nothing about where the
// credentials come from. It answers from memory. A provider is asked before the first answer, and again
// behind the answers when the credentials near their end; one fetch at a time for each profile, however
// many clients ask, and no client can cancel it. Credentials with less than ten seconds to live are
// never answered, and a failed refresh never displaces good ones.
//
// # Who may ask
//
// Everything is refused before routing unless it passes all guards: the exact Host list; no Origin,
// Referer or Sec-Fetch header (a browser); no X-Forwarded-For, Forwarded or Via (a proxy), not even an
// empty one; no absolute request target and no request body; both ends of the connection on loopback;
// and, on Linux, a client socket that belongs to the server's own user or to one of
// [Config.AllowUIDs], asked of the kernel when the connection is accepted, before a byte is read.
// On macOS and Windows that question is asked only in builds with the tag peercheck, until a machine of
// theirs has passed the test with another user; elsewhere there is none to ask. Where it is not asked the
// bearer tokens are all that keeps other local users out: give the token file mode 0600. Session tokens keep no user out, since every caller gets one,
// so instance metadata is refused there, unless [Config.IMDSWithoutPeerCheck] is set.
//
// What this does not keep out: root, and other programs of the same user. They can read the same
// files and memory in any case.
package imds
