package settings

// ValueKind says what a setting's value looks like.
type ValueKind int

const (
	// Text is one line of text.
	Text ValueKind = iota
	// Bool is true or false; a flag without a value means true.
	Bool
	// Duration is a Go duration ("12h", "1h30m") or whole seconds ("43200").
	Duration
	// List is a repeated flag; see [Setting] for variables and files.
	List
	// Path is a file or directory. A leading ~ is the home directory. What is relative
	// starts at the working directory, or, in our config file, at that file's directory.
	Path
)

// Setting is one row of the table that drives flags, variables and the config file alike.
//
// A list is a repeated flag, an array of strings (or one string) in the config file, and in
// a variable lines, or where it has no line break, values between commas. Tags may also be a
// table in the config file: tag = { Team = "ops" }.
type Setting struct {
	Flag  string // without the dashes
	Short string // one letter, "" for none
	Env   string
	Key   string // key in [profile.NAME] of config.toml, "" where a file may not hold it
	Kind  ValueKind
	Value string // the placeholder of the value in help texts, "" for a Bool
	Help  string

	// ops are the operations the setting goes with, 0 for all.
	ops opSet
	// needs says what to add where a setting does not go with the operation meant.
	needs string
}

// id numbers the settings; it is the index into the table.
type id int

const (
	sProfile id = iota
	sSourceProfile
	sCredentialsFile
	sDuration
	sSessionDuration
	sRegion
	sEndpointURL
	sFIPS
	sDualStack
	sCacheDir
	sNoCache
	sWait
	sVerbose
	sFederationName
	sRoleARN
	sRoleSessionName
	sExternalID
	sSourceIdentity
	sTag
	sTransitiveTag
	sPolicy
	sPolicyARN
	sAllow
	sDeny
	sResource
	sReadOnly
	sNoPolicy
	sDescription
	sWebIdentityTokenFile
	sWebIdentityTokenCommand
	sWebIdentity
	sSAMLAssertionFile
	sSAMLAssertionCommand
	sPrincipalARN
	sTargetPrincipal
	sTaskPolicyARN
	sGranted
	sSourceKey
	sSourceCommand
	sCertificate
	sPrivateKey
	sCertificateChain
	sTrustAnchorARN
	sAnywhereProfileARN
	sAnywhereRoleARN
	sMFASerial
	sMFACode
	sMFAProcess
	sPrompt
	settingCount
)

// Operations as sets, so that a row can name those its setting goes with.
type opSet uint8

const (
	opSession opSet = 1 << iota
	opFederation
	opRole
	opWebIdentity
	opSAML
	opRoot
	opGranted
	opScope

	opsARNs   = opFederation | opRole | opWebIdentity | opSAML // take ARNs of managed policies
	opsPolicy = opsARNs | opScope                              // take a session policy
	opsAsk    = opsPolicy | opSession | opRoot                 // ask STS for something
)

// settings is data the linker lays down: nothing runs for it at start-up.
var settings = [settingCount]Setting{
	sProfile: {Flag: "profile", Env: "STS_HELPER_PROFILE", Value: "NAME",
		Help: "entry of config.toml to use"},
	sSourceProfile: {Flag: "source-profile", Env: "STS_HELPER_SOURCE_PROFILE", Key: "source_profile", Value: "NAME",
		Help: "AWS profile whose credentials ask STS", ops: opsAsk},
	sCredentialsFile: {Flag: "credentials-file", Env: "STS_HELPER_CREDENTIALS_FILE", Key: "credentials_file", Kind: Path, Value: "FILE",
		Help: "private file that has the source profile's keys", ops: opsAsk},
	sDuration: {Flag: "duration", Env: "STS_HELPER_DURATION", Key: "duration", Kind: Duration, Value: "TIME",
		Help: "life of the credentials: 12h, 90m, 43200 (seconds)", ops: opsAsk},
	sSessionDuration: {Flag: "session-duration", Env: "STS_HELPER_SESSION_DURATION", Key: "session_duration", Kind: Duration, Value: "TIME",
		Help: "life of the MFA session behind a role, up to 36h", ops: opSession | opRole | opScope},
	sRegion: {Flag: "region", Env: "STS_HELPER_REGION", Key: "region", Value: "REGION",
		Help: "region whose STS is asked"},
	sEndpointURL: {Flag: "endpoint-url", Env: "STS_HELPER_ENDPOINT_URL", Key: "endpoint_url", Value: "URL",
		Help: "STS endpoint; https, or http on loopback"},
	sFIPS: {Flag: "fips", Env: "STS_HELPER_FIPS", Key: "fips", Kind: Bool,
		Help: "use the FIPS endpoint"},
	sDualStack: {Flag: "dual-stack", Env: "STS_HELPER_DUAL_STACK", Key: "dual_stack", Kind: Bool,
		Help: "use the endpoint that speaks IPv4 and IPv6"},
	sCacheDir: {Flag: "cache-dir", Env: "STS_HELPER_CACHE_DIR", Key: "cache_dir", Kind: Path, Value: "DIR",
		Help: "directory of the cache"},
	sNoCache: {Flag: "no-cache", Env: "STS_HELPER_NO_CACHE", Key: "no_cache", Kind: Bool,
		Help: "neither read nor write the cache"},
	sWait: {Flag: "wait", Env: "STS_HELPER_WAIT", Key: "wait", Kind: Duration, Value: "TIME",
		Help: "longest wait for another process, up to 55s"},
	sVerbose: {Flag: "verbose", Short: "v", Env: "STS_HELPER_VERBOSE", Key: "verbose", Kind: Bool,
		Help: "say on stderr what happens"},

	sFederationName: {Flag: "federation-name", Env: "STS_HELPER_FEDERATION_NAME", Key: "federation_name", Value: "NAME",
		Help: "ask for a federation token for this name", ops: opFederation},
	sRoleARN: {Flag: "role-arn", Env: "STS_HELPER_ROLE_ARN", Key: "role_arn", Value: "ARN",
		Help: "assume this role", ops: opRole | opWebIdentity | opSAML},
	sRoleSessionName: {Flag: "role-session-name", Env: "STS_HELPER_ROLE_SESSION_NAME", Key: "role_session_name", Value: "NAME",
		Help: "name of the role session", ops: opRole | opWebIdentity, needs: "--role-arn"},
	sExternalID: {Flag: "external-id", Env: "STS_HELPER_EXTERNAL_ID", Key: "external_id", Value: "ID",
		Help: "external id the role's trust policy asks for", ops: opRole, needs: "--role-arn"},
	sSourceIdentity: {Flag: "source-identity", Env: "STS_HELPER_SOURCE_IDENTITY", Key: "source_identity", Value: "NAME",
		Help: "source identity of the role session", ops: opRole, needs: "--role-arn"},
	sTag: {Flag: "tag", Env: "STS_HELPER_TAG", Key: "tag", Kind: List, Value: "K=V",
		Help: "session tag; repeatable", ops: opRole | opFederation, needs: "--role-arn or --federation-name"},
	sTransitiveTag: {Flag: "transitive-tag", Env: "STS_HELPER_TRANSITIVE_TAG", Key: "transitive_tag", Kind: List, Value: "K",
		Help: "session tag that chained roles inherit; repeatable", ops: opRole, needs: "--role-arn"},
	sPolicy: {Flag: "policy", Env: "STS_HELPER_POLICY", Key: "policy", Kind: Path, Value: "FILE",
		Help: "session policy", ops: opsPolicy},
	sPolicyARN: {Flag: "policy-arn", Env: "STS_HELPER_POLICY_ARN", Key: "policy_arn", Kind: List, Value: "ARN",
		Help: "managed session policy; repeatable", ops: opsARNs, needs: "--role-arn or --federation-name"},
	sAllow: {Flag: "allow", Env: "STS_HELPER_ALLOW", Key: "allow", Kind: List, Value: "ACTION",
		Help: "action the session policy allows; repeatable", ops: opsPolicy},
	sDeny: {Flag: "deny", Env: "STS_HELPER_DENY", Key: "deny", Kind: List, Value: "ACTION",
		Help: "action the session policy denies; repeatable", ops: opsPolicy},
	sResource: {Flag: "resource", Env: "STS_HELPER_RESOURCE", Key: "resource", Kind: List, Value: "ARN",
		Help: "resource that --allow is about; repeatable", ops: opsPolicy},
	sReadOnly: {Flag: "read-only", Env: "STS_HELPER_READ_ONLY", Key: "read_only", Kind: Bool,
		Help: "allow no more than reading", ops: opsPolicy},
	sNoPolicy: {Flag: "no-policy", Env: "STS_HELPER_NO_POLICY", Key: "no_policy", Kind: Bool,
		Help: "a federation token without any policy is meant", ops: opFederation, needs: "--federation-name"},
	sDescription: {Flag: "description", Env: "STS_HELPER_DESCRIPTION", Key: "description", Value: "TEXT",
		Help: "what CloudTrail shows of a narrowed session", ops: opsPolicy | opSession},
	sWebIdentityTokenFile: {Flag: "web-identity-token-file", Env: "STS_HELPER_WEB_IDENTITY_TOKEN_FILE", Key: "web_identity_token_file", Kind: Path, Value: "FILE",
		Help: "assume the role with the token in this file", ops: opWebIdentity, needs: "--role-arn"},
	sWebIdentityTokenCommand: {Flag: "web-identity-token-command", Env: "STS_HELPER_WEB_IDENTITY_TOKEN_COMMAND", Key: "web_identity_token_command", Value: "CMD",
		Help: "assume the role with the token this prints", ops: opWebIdentity, needs: "--role-arn"},
	sWebIdentity: {Flag: "web-identity", Env: "STS_HELPER_WEB_IDENTITY", Key: "web_identity", Value: "ISSUER",
		Help: "assume the role with a token of: github (Actions)", ops: opWebIdentity, needs: "--role-arn"},
	sSAMLAssertionFile: {Flag: "saml-assertion-file", Env: "STS_HELPER_SAML_ASSERTION_FILE", Key: "saml_assertion_file", Kind: Path, Value: "FILE",
		Help: "assume the role with the SAML assertion in this file", ops: opSAML, needs: "--role-arn"},
	sSAMLAssertionCommand: {Flag: "saml-assertion-command", Env: "STS_HELPER_SAML_ASSERTION_COMMAND", Key: "saml_assertion_command", Value: "CMD",
		Help: "assume the role with the SAML assertion this prints", ops: opSAML, needs: "--role-arn"},
	sPrincipalARN: {Flag: "principal-arn", Env: "STS_HELPER_PRINCIPAL_ARN", Key: "principal_arn", Value: "ARN",
		Help: "the SAML provider", ops: opSAML, needs: "--role-arn"},
	sTargetPrincipal: {Flag: "target-principal", Env: "STS_HELPER_TARGET_PRINCIPAL", Key: "target_principal", Value: "ACCOUNT",
		Help: "member account for a root task", ops: opRoot},
	sTaskPolicyARN: {Flag: "task-policy-arn", Env: "STS_HELPER_TASK_POLICY_ARN", Key: "task_policy_arn", Value: "ARN",
		Help: "the root task's policy", ops: opRoot, needs: "--target-principal"},
	sGranted: {Flag: "granted", Env: "STS_HELPER_GRANTED", Key: "granted", Value: "NAME",
		Help: "use a token that was accepted under this name", ops: opGranted},

	sSourceKey: {Flag: "source-key", Env: "STS_HELPER_SOURCE_KEY", Key: "source_key", Value: "NAME",
		Help: "key stored by \"sts-helper keys\" to ask STS with", ops: opsAsk},
	sSourceCommand: {Flag: "source-command", Env: "STS_HELPER_SOURCE_COMMAND", Key: "source_command", Value: "CMD",
		Help: "command that prints the credentials to ask STS with", ops: opsAsk},
	sCertificate: {Flag: "certificate", Env: "STS_HELPER_CERTIFICATE", Key: "certificate", Kind: Path, Value: "FILE",
		Help: "X.509 certificate for IAM Roles Anywhere", ops: opsAsk},
	sPrivateKey: {Flag: "private-key", Env: "STS_HELPER_PRIVATE_KEY", Key: "private_key", Kind: Path, Value: "FILE",
		Help: "the certificate's private key", ops: opsAsk},
	sCertificateChain: {Flag: "certificate-chain", Env: "STS_HELPER_CERTIFICATE_CHAIN", Key: "certificate_chain", Kind: Path, Value: "FILE",
		Help: "certificates between it and the trust anchor", ops: opsAsk},
	sTrustAnchorARN: {Flag: "trust-anchor-arn", Env: "STS_HELPER_TRUST_ANCHOR_ARN", Key: "trust_anchor_arn", Value: "ARN",
		Help: "trust anchor of IAM Roles Anywhere", ops: opsAsk},
	sAnywhereProfileARN: {Flag: "anywhere-profile-arn", Env: "STS_HELPER_ANYWHERE_PROFILE_ARN", Key: "anywhere_profile_arn", Value: "ARN",
		Help: "profile of IAM Roles Anywhere", ops: opsAsk},
	sAnywhereRoleARN: {Flag: "anywhere-role-arn", Env: "STS_HELPER_ANYWHERE_ROLE_ARN", Key: "anywhere_role_arn", Value: "ARN",
		Help: "role that the certificate gives", ops: opsAsk},

	sMFASerial: {Flag: "mfa-serial", Env: "STS_HELPER_MFA_SERIAL", Key: "mfa_serial", Value: "SERIAL",
		Help: "MFA device: serial number, ARN, or auto", ops: opSession | opRole | opScope},
	sMFACode: {Flag: "mfa-code", Env: "STS_HELPER_MFA_CODE", Value: "CODE",
		Help: "code of the MFA device, used once", ops: opsAsk},
	sMFAProcess: {Flag: "mfa-process", Env: "STS_HELPER_MFA_PROCESS", Key: "mfa_process", Value: "CMD",
		Help: "command that prints an MFA code"},
	sPrompt: {Flag: "prompt", Env: "STS_HELPER_PROMPT", Key: "prompt", Value: "HOW",
		Help: "where to ask for a code: auto, tty, dialog, never"},
}

// Settings returns the table in the order help texts should have. The command makes its
// flags from it.
func Settings() []Setting { return append([]Setting(nil), settings[:]...) }

// Flags holds the flags that were given: name without dashes to its values in order. A flag
// that was not given is absent. Where a setting takes one value, the last one counts.
type Flags map[string][]string

// Set notes that a flag was given once more.
func (f Flags) Set(name, value string) { f[name] = append(f[name], value) }

func byFlag(name string) (id, bool) {
	for i := range settings {
		if settings[i].Flag == name {
			return id(i), true
		}
	}
	return 0, false
}

func byKey(key string) (id, bool) {
	for i := range settings {
		if settings[i].Key == key && key != "" {
			return id(i), true
		}
	}
	return 0, false
}

func keys() []string {
	var all []string
	for i := range settings {
		all = append(all, settings[i].Key)
	}
	return all
}
