package awsfiles

import (
	"fmt"
	"strings"
)

// Row is one thing that people write into ~/.aws/config or ~/.aws/credentials.
type Row struct {
	ID, Group string
	Title     string // Markdown
	Config    string
	Creds     string
	Profile   string // "dev" where empty
	// Ask is what is asked for: Credentials, a key of the profile, or KIND:NAME:KEY.
	Ask string
	// Why says, where we do otherwise than the AWS CLI, why.
	Why string
}

// Credentials is what is asked for where the row is about whose credentials a profile gives.
const Credentials = "credentials"

// The groups of rows.
const (
	Headers = "Headers in ~/.aws/config"
	Others  = "Headers in ~/.aws/credentials, and other sections"
	Lines   = "Lines and values"
	Meaning = "What a profile gives"
)

const (
	r        = "region = a\n"
	devKeys  = "aws_access_key_id = DEV\naws_secret_access_key = CANARY\n"
	baseKeys = "[base]\naws_access_key_id = BASE\naws_secret_access_key = CANARY\n"
	asiaKeys = "[base]\naws_access_key_id = ASIABASE\naws_secret_access_key = CANARY\n"
	us       = "region = us-east-1\n"
	roleDev  = "role_arn = arn:aws:iam::123456789012:role/d\n"
	roleMid  = "role_arn = arn:aws:iam::123456789012:role/m\n"
	process  = `sh -c 'echo "{\"Version\":1,\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"CANARY\"}"'`
)

const (
	silent    = "it would be lost in silence, an MFA device in it too"
	asGo      = "as the SDK for Go; nothing else could be meant"
	asSDKs    = "as most SDKs read it"
	cliAlone  = "only botocore takes every word that begins with profile"
	noFile    = "the rest of the file can be read, and the other SDKs read it"
	emptyNone = "an empty value is no value"
	chains    = "as the SDK for Go: the role that the profile in between names is not passed over: its keys alone might do more than the file says"
)

// Rows is the table.
func Rows() []Row {
	h := func(id, title, config, profile, why string) Row {
		return Row{ID: id, Group: Headers, Title: title, Config: config, Profile: profile, Ask: "region", Why: why}
	}
	c := func(id, title, creds, profile, why string) Row {
		return Row{ID: id, Group: Others, Title: title, Creds: creds, Profile: profile, Ask: "region", Why: why}
	}
	l := func(id, title, lines, ask, why string) Row {
		return Row{ID: id, Group: Lines, Title: title, Config: "[profile dev]\n" + lines, Ask: ask, Why: why}
	}
	m := func(id, title, config, creds, why string) Row {
		return Row{ID: id, Group: Meaning, Title: title, Config: config, Creds: creds, Ask: Credentials, Why: why}
	}
	return []Row{
		h("plain", "`[profile dev]`", "[profile dev]\n"+r, "", ""),
		h("double", "`[profile \"dev\"]`", "[profile \"dev\"]\n"+r, "", ""),
		h("single", "`[profile 'dev']`", "[profile 'dev']\n"+r, "", ""),
		h("blank", "`[profile Foo Bar]`", "[profile Foo Bar]\n"+r, "Foo Bar", asGo),
		h("blankdouble", "`[profile \"Foo Bar\"]`", "[profile \"Foo Bar\"]\n"+r, "Foo Bar", ""),
		h("blanksingle", "`[profile 'Foo Bar']`, as `aws configure` writes it", "[profile 'Foo Bar']\n"+r, "Foo Bar", ""),
		h("escape", "`[profile Foo\\ Bar]`", "[profile Foo\\ Bar]\n"+r, "Foo Bar", ""),
		h("backslash", "`[profile CORP\\ana]`, asked for `CORP\\ana`", "[profile CORP\\ana]\n"+r, "CORP\\ana", asGo),
		h("apostrophe", "`[profile O'Brien]`", "[profile O'Brien]\n"+r, "O'Brien", asGo),
		h("inner", "`[ profile dev ]`", "[ profile dev ]\n"+r, "", asSDKs),
		h("twoblanks", "`[profile   dev]`", "[profile   dev]\n"+r, "", ""),
		h("tab", "a tab between the words", "[profile\tdev]\n"+r, "", ""),
		h("comment", "`[profile dev] # mine`", "[profile dev] # mine\n"+r, "", ""),
		h("bracketcomment", "`[profile dev] # [x]`", "[profile dev] # [x]\n"+r, "", asSDKs),
		h("after", "`[profile dev] mine`", "[profile dev] mine\n"+r, "", silent+" by the SDKs"),
		h("open", "`[profile dev`", "[profile dev\n"+r, "", ""),
		h("closeonly", "`profile dev]`", "profile dev]\n"+r, "", ""),
		h("bare", "`[dev]`", "[dev]\n"+r, "", silent),
		h("capital", "`[Profile dev]`", "[Profile dev]\n"+r, "", silent),
		h("plural", "`[profiles dev]`", "[profiles dev]\n"+r, "", cliAlone),
		h("colon", "`[profile: dev]`", "[profile: dev]\n"+r, "", cliAlone),
		h("dot", "`[profile.dev]`", "[profile.dev]\n"+r, "", silent),
		h("twice", "`[[profile dev]]`", "[[profile dev]]\n"+r, "", silent),
		h("nbsp", "a no-break space between the words", "[profile\u00a0dev]\n"+r, "", silent),
		h("curly", "`[profile “dev”]`", "[profile “dev”]\n"+r, "", silent),
		h("bom", "a byte order mark before `[profile dev]`", "\ufeff[profile dev]\n"+r, "", ""),
		h("utf16", "the file in UTF-16", "\xff\xfe[\x00p\x00r\x00o\x00f\x00i\x00l\x00e\x00 \x00d\x00e\x00v\x00]\x00\n\x00", "", ""),
		h("crlf", "lines that end in CR LF", "[profile dev]\r\nregion = a\r\n", "", ""),
		h("indented", "the header indented", "  [profile dev]\n"+r, "", ""),
		h("typo", "`[profil dev]`", "[profil dev]\n"+r, "", silent),
		h("commentinside", "`[profile dev # mine]`", "[profile dev # mine]\n"+r, "", silent),
		h("beside", "`[profile dev]`, and `[dev]` with a device below it", "[profile dev]\n"+r+"[dev]\nmfa_serial = m\n", "", silent),
		h("hashname", "`[profile a#b]`, asked for `a#b`", "[profile a#b]\n"+r, "a#b", ""),
		h("allquotes", "`[profile 'O'\"'\"'B\"x']`, asked for `O'B\"x`", "[profile 'O'\"'\"'B\"x']\n"+r, "O'B\"x", ""),
		{ID: "halfcase", Group: Headers, Title: "`[profile DEV]`, and the keys in `[dev]`", Config: "[profile DEV]\n" + r, Creds: "[dev]\n" + devKeys, Ask: "region", Why: silent},
		h("case", "`[profile DEV]`", "[profile DEV]\n"+r, "", ""),
		h("duplicate", "`[profile dev]` twice, the second without the key", "[profile dev]\n"+r+"[profile dev]\noutput = json\n", "", noFile),
		h("duplicatequoted", "`[profile dev]`, then `[profile \"dev\"]` without the key", "[profile dev]\n"+r+"[profile \"dev\"]\noutput = json\n", "", "no key of either is lost"),
		h("unreadnext", "a next header that is none, with another region below it", "[profile dev]\n"+r+"[profile other\nregion = b\n", "", ""),
		h("default", "`[default]`", "[default]\n"+r, "default", ""),
		h("profiledefault", "`[profile default]`", "[profile default]\n"+r, "default", ""),
		h("bothdefaults", "`[profile default]`, then `[default]` with another value", "[profile default]\n"+r+"[default]\nregion = b\n", "default", "as every other SDK"),
		h("quoteddefault", "`[\"default\"]`", "[\"default\"]\n"+r, "default", silent),
		h("capitaldefault", "`[DEFAULT]`, asked for default", "[DEFAULT]\n"+r, "default", "tools differ: the keys would count for every profile of the AWS CLI"),
		h("capitaldefaultother", "`[DEFAULT]`, asked for `[profile dev]` without the key", "[DEFAULT]\n"+r+"[profile dev]\noutput = json\n", "", "only the AWS CLI gives it to every profile"),

		c("c-plain", "`[dev]` (credentials)", "[dev]\n"+r, "", ""),
		c("c-double", "`[\"dev\"]` (credentials)", "[\"dev\"]\n"+r, "", silent),
		c("c-single", "`['dev']` (credentials)", "['dev']\n"+r, "", silent),
		c("c-nested", "`[[dev]]` (credentials)", "[[dev]]\n"+r, "", silent),
		c("c-hash", "`[a#b]` (credentials), asked for `a#b`", "[a#b]\n"+r, "a#b", ""),
		c("c-profile", "`[profile dev]` (credentials)", "[profile dev]\n"+r, "", silent),
		c("c-blank", "`[Foo Bar]` (credentials)", "[Foo Bar]\n"+r, "Foo Bar", ""),
		c("c-inner", "`[ dev ]` (credentials)", "[ dev ]\n"+r, "", asSDKs),
		c("c-comment", "`[dev] # mine` (credentials)", "[dev] # mine\n"+r, "", ""),
		c("c-bom", "a byte order mark before `[dev]` (credentials)", "\ufeff[dev]\n"+r, "", ""),
		{ID: "sso", Group: Others, Title: "`[sso-session my]`", Config: "[sso-session my]\nsso_region = a\n[profile dev]\nsso_session = my\n", Ask: "sso-session:my:sso_region"},
		{ID: "ssosingle", Group: Others, Title: "`[sso-session 'My Corp']`, as `aws configure sso` writes it", Config: "[sso-session 'My Corp']\nsso_region = a\n[profile dev]\nsso_session = My Corp\n", Ask: "sso-session:My Corp:sso_region"},
		{ID: "ssoblank", Group: Others, Title: "`[sso-session My Corp]`", Config: "[sso-session My Corp]\nsso_region = a\n[profile dev]\nsso_session = My Corp\n", Ask: "sso-session:My Corp:sso_region", Why: asGo},
		{ID: "ssocapital", Group: Others, Title: "`[SSO-session my]`", Config: "[SSO-session my]\nsso_region = a\n[profile dev]\nsso_session = my\n", Ask: "sso-session:my:sso_region", Why: "the line is named"},
		{ID: "services", Group: Others, Title: "`[services s]` with `sts =` and an indented `endpoint_url`", Config: "[services s]\nsts =\n  endpoint_url = u\n[profile dev]\nservices = s\n", Ask: "services:s:sts.endpoint_url"},
		{ID: "servicesquoted", Group: Others, Title: "`[services \"s t\"]`", Config: "[services \"s t\"]\nsts =\n  endpoint_url = u\n[profile dev]\nservices = s t\n", Ask: "services:s t:sts.endpoint_url"},

		l("equals", "`region=a`", "region=a\n", "region", ""),
		l("colonsign", "`region: a`", "region: a\n", "region", ""),
		l("keycase", "`REGION = a`", "REGION = a\n", "region", ""),
		l("hash", "`region = a # b`", "region = a # b\n", "region", asSDKs),
		l("hashclose", "`region = a#b`", "region = a#b\n", "region", ""),
		l("semicolon", "`region = a ; b`", "region = a ; b\n", "region", asSDKs),
		l("quoted", "`region = \"a\"`", "region = \"a\"\n", "region", "as the SDK for Go"),
		l("equalsinvalue", "`external_id = a=b`", "external_id = a=b\n", "external_id", ""),
		l("empty", "`region =`", "region =\n", "region", emptyNone),
		l("nosign", "`output` and nothing more, then `region = a`", "output\nregion = a\n", "region", noFile),
		l("duplicatekey", "`region = a`, then `region = b`", "region = a\nregion = b\n", "region", noFile),
		l("indentedkey", "the key indented below the header", "    region = a\n", "region", ""),
		l("indentedafter", "a key indented below another that has a value", "output = json\n  region = a\n", "region", "as the SDKs for Go and JavaScript: a region would be lost in silence"),
		l("continued", "`external_id = a`, then an indented line `b`", "external_id = a\n  b\n", "external_id", ""),
		l("commentline", "`# region = b` after it", "region = a\n# region = b\n", "region", ""),
		{ID: "both", Group: Lines, Title: "in both files", Config: "[profile dev]\nregion = a\n", Creds: "[dev]\nregion = b\n", Ask: "region"},
		{ID: "bothempty", Group: Lines, Title: "in both files, empty in the credentials file", Config: "[profile dev]\nmfa_serial = a\n", Creds: "[dev]\nmfa_serial =\n", Ask: "mfa_serial", Why: emptyNone},
		{ID: "credsonlyother", Group: Lines, Title: "`endpoint_url` in the credentials file, the profile in both", Config: "[profile dev]\nregion = a\n", Creds: "[dev]\nendpoint_url = b\n", Ask: "endpoint_url"},

		m("keys", "keys in the credentials file", "[profile dev]\n"+us, "[dev]\n"+devKeys, ""),
		m("keysconfig", "keys in the config file", "[profile dev]\n"+us+devKeys, "", ""),
		m("keysboth", "keys in both files", "[profile dev]\n"+us+"aws_access_key_id = CONFIG\naws_secret_access_key = CANARY\n", "[dev]\n"+devKeys, ""),
		m("half", "an access key id without its secret", "[profile dev]\n"+us, "[dev]\naws_access_key_id = DEV\n", ""),
		m("halfempty", "a secret with an empty access key id", "[profile dev]\n"+us, "[dev]\naws_access_key_id =\naws_secret_access_key = CANARY\n", "half a pair is a mistake"),
		m("halves", "half a pair in each file", "[profile dev]\n"+us+"aws_access_key_id = DEV\n", "[dev]\naws_secret_access_key = CANARY\n", "the halves may be of two keys"),
		m("securitytoken", "a role by keys with an `aws_security_token`", "[profile dev]\n"+us+roleDev+"source_profile = base\n", asiaKeys+"aws_security_token = SECURITY\n", ""),
		m("bothtokens", "a role by keys with an `aws_security_token` and another `aws_session_token`", "[profile dev]\n"+us+roleDev+"source_profile = base\n", asiaKeys+"aws_security_token = SECURITY\naws_session_token = SESSION\n", "as the SDKs: it is the name that they write"),
		m("tokenofother", "a role by keys in both files, a token only in the config file", "[profile dev]\n"+us+roleDev+"source_profile = base\n[profile base]\naws_access_key_id = CONFIG\naws_secret_access_key = CANARY\naws_session_token = SESSION\n", asiaKeys, ""),
		m("left", "keys of its own, and all keys that are left to the SDKs (see below)", "[profile dev]\n"+us+leftLines(), "[dev]\n"+devKeys, ""),
		m("leftrole", "the same, of the role's profile and of the source's", "[profile dev]\n"+us+roleDev+"source_profile = base\n"+leftLines()+"[profile base]\n"+leftLines(), baseKeys, ""),
		m("role", "`role_arn` and `source_profile`", "[profile dev]\n"+us+roleDev+"source_profile = base\n", baseKeys, ""),
		m("rolekeys", "the same, and keys of its own", "[profile dev]\n"+us+roleDev+"source_profile = base\n", "[dev]\n"+devKeys+baseKeys, ""),
		m("self", "its own `source_profile`, with keys", "[profile dev]\n"+us+roleDev+"source_profile = dev\n", "[dev]\n"+devKeys, ""),
		m("selfnokeys", "its own `source_profile`, without keys", "[profile dev]\n"+us+roleDev+"source_profile = dev\n", "", ""),
		m("rolekeysonly", "`role_arn` and keys, no `source_profile`", "[profile dev]\n"+us+roleDev, "[dev]\n"+devKeys, "as the SDK for Go: the profile names a role, and what is more than it is not given out in its place"),
		m("chain", "a role of a role", "[profile dev]\n"+us+roleDev+"source_profile = mid\n[profile mid]\n"+us+roleMid+"source_profile = base\n", baseKeys, ""),
		m("chainkeys", "a role through a profile that has keys, a role and a `source_profile`", "[profile dev]\n"+us+roleDev+"source_profile = mid\n[profile mid]\n"+us+roleMid+"source_profile = base\n", "[mid]\n"+devKeys+baseKeys, chains),
		m("chainself", "a role through a profile that is its own source", "[profile dev]\n"+us+roleDev+"source_profile = mid\n[profile mid]\n"+us+roleMid+"source_profile = mid\n", "[mid]\n"+devKeys, chains),
		m("circle", "two roles that name each other", "[profile dev]\n"+us+roleDev+"source_profile = mid\n[profile mid]\n"+us+roleMid+"source_profile = dev\n", "", ""),
		m("norole", "`source_profile` without `role_arn`", "[profile dev]\n"+us+"source_profile = base\n", baseKeys, "it is a mistake"),
		m("noroleown", "`source_profile` without `role_arn`, and keys", "[profile dev]\n"+us+"source_profile = base\n", "[dev]\n"+devKeys+baseKeys, "as the SDK for Go: it is not known which are meant"),
		m("emptysource", "`source_profile =` and keys, no role", "[profile dev]\n"+us+"source_profile =\n", "[dev]\n"+devKeys, ""),
		m("nosource", "`source_profile` that there is not", "[profile dev]\n"+us+roleDev+"source_profile = gone\n", "", ""),
		m("sourceempty", "`source_profile` without credentials", "[profile dev]\n"+us+roleDev+"source_profile = base\n[profile base]\n"+us, "", ""),
		m("quotedsource", "`source_profile` of `[profile \"my base\"]`", "[profile dev]\n"+us+roleDev+"source_profile = my base\n[profile \"my base\"]\naws_access_key_id = BASE\naws_secret_access_key = CANARY\n", "", ""),
		m("mfa", "`mfa_serial` of the role's profile", "[profile dev]\n"+us+roleDev+"source_profile = base\nmfa_serial = arn:aws:iam::123456789012:mfa/a\n", baseKeys, "the AWS CLI asks, too, where it has a terminal; we share one session between roles"),
		m("mfasource", "`mfa_serial` of the source profile alone", "[profile dev]\n"+us+roleDev+"source_profile = base\n[profile base]\nmfa_serial = arn:aws:iam::123456789012:mfa/a\n", baseKeys, "MFA is never left out in silence: see mfa.md"),
		m("process", "`credential_process`", "[profile dev]\n"+us+"credential_process = "+process+"\n", "", ""),
		m("processkeys", "`credential_process` and keys", "[profile dev]\n"+us+"credential_process = "+process+"\n", "[dev]\n"+devKeys, ""),
		m("processquoted", "`credential_process` with quotes around every word", "[profile dev]\n"+us+"credential_process = \"cat\" \"DIR/proc\" \"DIR/proc space\"\n", "", ""),
		m("processrole", "`credential_process` with `role_arn` and `source_profile`", "[profile dev]\n"+us+roleDev+"source_profile = base\ncredential_process = "+process+"\n", baseKeys, "as the SDK for Go: it is not known which is meant"),
		m("processkeysconfig", "`credential_process` and keys, both in the config file", "[profile dev]\n"+us+devKeys+"credential_process = "+process+"\n", "", "as the SDK for Go"),
		m("processroleonly", "`credential_process` with `role_arn` alone", "[profile dev]\n"+us+roleDev+"credential_process = "+process+"\n", "", "as the SDK for Go: the profile names a role, and the command what signs"),
		m("processweb", "`credential_process` with `role_arn` and a `web_identity_token_file` that there is not", "[profile dev]\n"+us+roleDev+"web_identity_token_file = DIR/gone\ncredential_process = "+process+"\n", "", ""),
		m("processsso", "`credential_process` with an `sso_session` without a login", "[profile dev]\n"+us+"sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = d\ncredential_process = "+process+"\n[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.awsapps.com/start\n", "", ""),
		m("processlogin", "`credential_process` with a `login_session` without a login", "[profile dev]\n"+us+"login_session = arn:aws:iam::123456789012:user/ana\ncredential_process = "+process+"\n", "", ""),
		m("processsource", "a role whose source has a `credential_process`", "[profile dev]\n"+us+roleDev+"source_profile = mid\n[profile mid]\ncredential_process = "+process+"\n", "", ""),
		m("processtime", "`credential_process` whose Expiration ends in +0100", "[profile dev]\n"+us+roleDev+"source_profile = mid\n[profile mid]\ncredential_process = cat DIR/time\n", "", ""),
		m("credsource", "`credential_source = environment`, in small letters", "[profile dev]\n"+us+roleDev+"credential_source = environment\n", "", ""),
		m("durationodd", "`duration_seconds = 1h` (we take an hour)", "[profile dev]\n"+us+roleDev+"source_profile = base\nduration_seconds = 1h\n", baseKeys, ""),
		m("regionempty", "a role with `region =`", "[profile dev]\nregion =\n"+roleDev+"source_profile = base\n", baseKeys, "us-east-1 where nothing names a region or partition"),
		m("zone", "a role with `region = eu-west-1a`", "[profile dev]\nregion = eu-west-1a\n"+roleDev+"source_profile = base\n", baseKeys, "there is no such host but the one that a test names"),
		m("partition", "a role of `aws-us-gov` with `region = eu-west-1`", "[profile dev]\nregion = eu-west-1\nrole_arn = arn:aws-us-gov:iam::123456789012:role/g\nsource_profile = base\n", baseKeys, "keys of one partition are not sent to another's STS"),
		{ID: "cabundle", Group: Meaning, Title: "`ca_bundle` of the profile, and an STS that shows a certificate of it", Config: "[profile dev]\n" + us + roleDev + "source_profile = base\nca_bundle = DIR/ca.pem\n", Creds: baseKeys, Ask: Credentials},
	}
}

// Left are the keys that are about other things than whose credentials a profile gives and where STS
// is, each with a value that it may have: they are left to the SDKs, and change nothing here. Rows "left" and
// "leftrole" show that none changes it for an SDK either.
var Left = [...][2]string{
	{"output", "json"}, {"cli_pager", "cat"}, {"cli_auto_prompt", "off"}, {"cli_binary_format", "base64"}, {"cli_history", "disabled"}, {"cli_follow_urlparam", "false"},
	{"cli_timestamp_format", "iso8601"}, {"cli_error_format", "text"}, {"cli_help_output", "terminal"}, {"max_attempts", "2"}, {"retry_mode", "standard"},
	{"disable_clock_skew_correction", "false"}, {"metadata_service_timeout", "1"}, {"metadata_service_num_attempts", "1"}, {"imds_use_ipv6", "false"},
	{"ec2_metadata_v1_disabled", "true"}, {"parameter_validation", "true"}, {"tcp_keepalive", "true"}, {"s3", "\n  addressing_style = path"}, {"s3_use_arn_region", "true"},
	{"s3_disable_multiregion_access_points", "true"}, {"s3_us_east_1_regional_endpoint", "regional"}, {"s3_disable_express_session_auth", "true"}, {"defaults_mode", "standard"},
	{"endpoint_discovery_enabled", "false"}, {"aws_endpoint_discovery_enabled", "false"}, {"disable_host_prefix_injection", "false"}, {"request_min_compression_size_bytes", "1024"},
	{"disable_request_compression", "true"}, {"request_checksum_calculation", "when_required"}, {"response_checksum_validation", "when_required"},
	{"sigv4a_signing_region_set", "us-east-1"}, {"account_id_endpoint_mode", "preferred"}, {"auth_scheme_preference", "sigv4"}, {"user_agent_appid", "app"}, {"sdk_ua_app_id", "app"},
	{"api_versions", "\n  ec2 = 2016-11-15"}, {"sts_regional_endpoints", "regional"}, {"signature_version", "s3v4"}, {"csm_enabled", "false"}, {"csm_host", "127.0.0.1"},
	{"csm_port", "31000"}, {"csm_client_id", "app"},
}

// leftLines are the lines of all of them.
func leftLines() string {
	var b strings.Builder
	for _, k := range Left {
		fmt.Fprintf(&b, "%s = %s\n", k[0], k[1])
	}
	return b.String()
}
