// Package request is one validated request for a token, and the key under which the cache
// keeps what it gives. It reads no file, variable or clock: what has to be looked up was
// looked up before (settings.Observe) and is a field.
package request

import "time"

// Request is what the settings ask for: one STS operation, its inputs, and the
// credentials it is made with. It has been validated as far as that needs no network.
type Request struct {
	// Name is what messages call the request: the entry of our config file, else the
	// source profile, else "default". It identifies nothing: see package cache for keys.
	Name string
	// Operation is the STS operation as its API spells it, "GetSessionToken" for one, or
	// "" where Granted names a token that another user handed over.
	Operation string
	// Granted is the name of an accepted token; nothing is asked of STS for it.
	Granted string

	// Base, where set, is the request whose token signs this one: the MFA session a role
	// is assumed from, or the role before this one in a chain. Source is used otherwise.
	Base *Request
	// Source says where the signing credentials come from where Base is nil.
	Source Source

	Region    string // signing region; never empty
	Partition string // aws, aws-cn, aws-us-gov, ...; follows from the region
	Endpoint  string // STS endpoint URL where one is configured, else ""
	FIPS      bool   // use the FIPS endpoint
	DualStack bool   // use the dual-stack endpoint
	// CABundle is the file of certificates that the profile trusts, absolute, "" for none. It does
	// not change whose the token is, and so is no part of the key.
	CABundle string

	Duration     time.Duration // life asked for, whole seconds; 0 means the operation's default was not overridden by anyone
	SerialNumber string        // MFA device (serial number or ARN), "" for none
	// HandOut reports that no operation was asked for, so that temporary credentials of the
	// source are the answer themselves. With a long-term key it is Operation that is meant.
	HandOut bool
	// MaxLife is the longest life of what is handed out.
	MaxLife Limit
	// ObservedFiles are the files that its commands name, there or not.
	ObservedFiles []string

	FederationName       string // Name of GetFederationToken
	RoleARN              string
	RoleSessionName      string
	ExternalID           string
	SourceIdentity       string
	Tags                 []Tag
	TransitiveTagKeys    []string
	Policy               string   // session policy, compacted JSON, "" for none
	PolicyARNs           []string // managed session policies, at most ten
	NoPolicy             bool     // a federation token without any policy is wanted
	Description          string   // of a scoped session, for CloudTrail; "" for one that names program and run
	WebIdentityTokenFile string
	WebIdentitySubject   string // what settings.Observe found the token to be about, "" for none
	// WebIdentityTokenCommand prints the token, WebIdentityIssuer ([GitHub]) is who is asked for
	// it: there is one of the three.
	WebIdentityTokenCommand string
	WebIdentityIssuer       string
	SAMLAssertionFile       string
	SAMLSubject             string // the same of the assertion
	SAMLAssertionCommand    string
	Observed                string // of SAMLAssertionCommand or WebIdentityTokenCommand, see Source
	PrincipalARN            string // the SAML provider
	TargetPrincipal         string // AssumeRoot: account id or root ARN
	TaskPolicyARN           string // AssumeRoot

	Audience         []string // whom a web identity token is for
	SigningAlgorithm string   // of a web identity token: RS256 or ES384

	// Agent is the coding agent or CI system that asks, "" for a user. The key knows that there is one, so
	// that what was made for an agent is never given to a user, nor the other way round.
	Agent string
	// Instead reports that agents get what this profile asks for, and that the agent asked for something else.
	Instead bool

	// Reason says why it is Operation where the settings do not name one, "" where they do.
	Reason string

	CallOptions
}

// CallOptions are how a request is answered; none of it changes whose the token is.
type CallOptions struct {
	CacheDir   string        // absolute; "" for the default place
	NoCache    bool          // neither read nor write records
	Wait       time.Duration // lock budget; 0 for the default
	Verbose    bool
	MFACode    string // a preset code; used once; a secret
	MFAProcess string // command whose output is the code
	Prompt     string // auto, tty, dialog or never
	// NoLongTermKey is the line of the fleet's policy, as file:line, by which nothing is made with a long-term key
	// without an MFA code; "" for none.
	NoLongTermKey string
	Audit         Audit
}

// Audit says where the log of who got which credentials is kept. The zero Audit keeps none.
type Audit struct {
	// File is the log's absolute path, "" for none.
	File string
	// Journald reports whether the lines go to the system's journal.
	Journald bool
}

// Limit is a longest life that the fleet's policy allows, 0 for none, and its line, as file:line.
type Limit struct {
	Life  time.Duration
	Where string
}

// GitHub as the issuer of a web identity token is GitHub Actions, which a job whose workflow
// says "permissions: id-token: write" can ask by what is in two variables
// (https://docs.github.com/en/actions/reference/security/oidc).
const (
	GitHub      = "github"
	GitHubURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	GitHubToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// Tag is one session tag.
type Tag struct{ Key, Value string }

// SourceKind says what sort of thing the signing credentials come from.
type SourceKind string

// The kinds of source. Only SourceStatic and SourceEnvironment have their keys in plain
// sight; the others are resolved through the SDK when a token has to be made.
const (
	SourceNone        SourceKind = ""            // the operation is unsigned
	SourceStatic      SourceKind = "static"      // keys in a profile of the shared files
	SourceEnvironment SourceKind = "environment" // AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
	SourceProcess     SourceKind = "process"     // the profile's credential_process
	SourceSSO         SourceKind = "sso"         // IAM Identity Center
	SourceLogin       SourceKind = "login"       // the profile's login_session
	SourceContainer   SourceKind = "container"   // AWS_CONTAINER_CREDENTIALS_*
	SourceInstance    SourceKind = "instance"    // EC2 instance metadata
	SourceCommand     SourceKind = "command"     // what a command of ours prints
	SourceCertificate SourceKind = "certificate" // X.509, by IAM Roles Anywhere
	SourceKey         SourceKind = "key"         // a key in a store of ours
	SourceDefault     SourceKind = "default"     // no profile defines anything: the SDK's default chain
)

// Source identifies the signing credentials without holding them.
type Source struct {
	Kind    SourceKind
	Profile string   // AWS profile, "" where none is involved
	Files   []string // the shared files that define it, absolute, in reading order
	// ConfigFile and CredentialsFile are where both shared files are looked for, whether or
	// not they exist, for callers that have the SDK resolve Profile. They identify nothing.
	ConfigFile, CredentialsFile string
	// CABundle is the file of certificates that Profile trusts, absolute, "" for none; it identifies nothing either.
	CABundle string
	// AccessKeyID identifies static and environment keys; a rotated key is another source.
	AccessKeyID string
	// Session reports that the static or environment keys come with a session token, so they
	// are temporary and cannot call GetSessionToken or GetFederationToken.
	Session bool
	// Command is the credential_process of SourceProcess, or the command of SourceCommand, as
	// written.
	Command string
	// Digest is the hex SHA-256 of the settings that define the source where it has no
	// access key id of its own, secrets left out; an edited definition is another source.
	Digest string
	// Observed stands for the variables and files that Command names, as settings.Observe found
	// them; "" where it names none.
	Observed string
	// Subject is that of the token which the container's credentials endpoint is asked with,
	// as settings.Observe found it.
	Subject string
	// Login is the login that SourceSSO and SourceLogin build on, nil for other kinds.
	Login *Login
	// Stored is the key that SourceKey is, nil for other kinds.
	Stored *Stored
	// Certificate is what SourceCertificate is, nil for other kinds.
	Certificate *Certificate
}

// Login is a login that AWS's tools share, and what is made from it. Digest of the source stands
// for what of it has no input of its own.
type Login struct {
	File string // where AWS's tools keep it, absolute
	// SessionName is that of the sso-session, "" for a profile of the old form.
	SessionName string
	StartURL    string
	Region      string // of Identity Center; for "aws login" the one for logins that name none
	Scopes      []string
	AccountID   string // for whose role Identity Center is asked
	RoleName    string
	// SessionARN is the login_session of "aws login", "" for Identity Center.
	SessionARN string
	// Portal, OIDC and SignIn are endpoints of the services where they are configured.
	Portal, OIDC, SignIn string
}

// Stored is a long-term key that sts-helper keeps: see package storedkey.
type Stored struct {
	Name string
	File string // which describes it, absolute
}

// Certificate is a role that IAM Roles Anywhere gives for an X.509 certificate.
type Certificate struct {
	File, KeyFile, ChainFile            string // PEM, absolute; ChainFile may be ""
	TrustAnchorARN, ProfileARN, RoleARN string
	Endpoint                            string // where one is configured
}
