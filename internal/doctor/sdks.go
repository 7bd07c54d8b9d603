package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
)

// Choice is what an SDK takes for a profile that AWS_PROFILE names.
type Choice struct {
	SDK   string `json:"sdk"`
	Takes Link   `json:"takes"`
	// Where is the line or the variable that decided, "" for Nothing.
	Where string `json:"where,omitempty"`
	// Runs reports that the SDK runs the profile's credential_process.
	Runs bool `json:"runs_process"`
}

// Link is one link of the chain of an SDK.
type Link string

// The links.
const (
	Variables Link = "variables"          // AWS_ACCESS_KEY_ID and its like
	Process   Link = "credential_process" // the profile's command
	Keys      Link = "keys"               // the profile's static keys
	Role      Link = "role"               // the role of role_arn
	Web       Link = "web-identity"       // the role of web_identity_token_file
	Login     Link = "login"              // IAM Identity Center or "aws login"
	Refused   Link = "refused"            // the SDK refuses the profile
	Nothing   Link = "nothing"            // the profile has no credentials for it
)

// The SDKs, as docs/aws-files.md names them; what each does with a profile is held to the cells of that
// document by TestSDKs of integration/awsfiles.
const (
	awsCLI     = "AWS CLI"
	botocore   = "botocore"
	goSDK      = "Go"
	javaScript = "JavaScript"
	java       = "Java"
	rust       = "Rust"
)

// chain is the order in which an SDK looks at a profile.
type chain struct {
	sdk   string
	order []Link
	// bareRole is what it does with a role_arn that has no source, "" where it passes over it. The SDK for
	// Go assumes the role with whatever the profile has beside it.
	bareRole Link
	// strict reports that it refuses a source_profile without role_arn, and more than one of source_profile,
	// credential_source, credential_process and web_identity_token_file.
	strict bool
	// keysLast reports that keys of the config file come after credential_process.
	keysLast bool
	// profileFirst reports that AWS_PROFILE counts more than keys in variables.
	profileFirst bool
}

// The order of each (botocore credentials.py create_credential_resolver; aws-sdk-go-v2 config
// resolve_credentials.go and shared_config.go; JS credential-provider-ini resolveProfileData.js; Java
// ProfileCredentialsUtils; Rust aws-config profile/credentials/repr.rs).
var chains = []chain{
	{sdk: awsCLI, order: []Link{Role, Web, Login, Keys, Process}, bareRole: Refused, keysLast: true},
	{sdk: botocore, order: []Link{Role, Web, Login, Keys, Process}, bareRole: Refused, keysLast: true},
	{sdk: goSDK, order: []Link{Role, Keys, Web, Login, Process}, bareRole: Role, strict: true},
	{sdk: javaScript, order: []Link{Role, Keys, Web, Process, Login}, profileFirst: true},
	{sdk: java, order: []Link{Web, Login, Role, Process, Keys}},
	{sdk: rust, order: []Link{Web, Role, Login, Process, Keys}, bareRole: Refused},
}

// SDKs is what each SDK takes for the profile p of files in an environment. It looks at this profile alone:
// what a source_profile leads to is another matter.
func SDKs(files *awsconfig.Files, p *awsconfig.Profile, getenv func(string) string) []Choice {
	all := make([]Choice, 0, len(chains))
	for _, c := range chains {
		choice := c.choose(files, p)
		if !c.profileFirst && getenv("AWS_ACCESS_KEY_ID") != "" && getenv("AWS_SECRET_ACCESS_KEY") != "" {
			choice = Choice{Takes: Variables, Where: "AWS_ACCESS_KEY_ID"}
		}
		choice.SDK = c.sdk
		all = append(all, choice)
	}
	return all
}

func (c chain) choose(files *awsconfig.Files, p *awsconfig.Profile) Choice {
	at := func(l Link, key string) Choice { return Choice{Takes: l, Where: display.Safe(p.Where(key))} }
	has := func(key string) bool { return p.Value(key) != "" }
	source := has(awsconfig.KeySourceProfile) || has(awsconfig.KeyCredSource)
	web := has(awsconfig.KeyRoleARN) && has(awsconfig.KeyWebIdentity)
	if c.strict {
		ways := []string{awsconfig.KeySourceProfile, awsconfig.KeyCredSource, awsconfig.KeyProcess, awsconfig.KeyWebIdentity}
		if ways = slices.DeleteFunc(ways, func(key string) bool { return !has(key) }); len(ways) > 1 {
			return at(Refused, ways[1])
		}
	}
	switch {
	case p.Partial != nil:
		return at(Refused, p.Partial.Key)
	case c.strict && has(awsconfig.KeySourceProfile) && !has(awsconfig.KeyRoleARN):
		return at(Refused, awsconfig.KeySourceProfile)
	case has(awsconfig.KeyRoleARN) && !source && !web && c.bareRole != "":
		choice := at(c.bareRole, awsconfig.KeyRoleARN)
		choice.Runs = c.bareRole == Role && !p.HasKeys() && !p.HasSSO() && !has(awsconfig.KeyLoginSession) && has(awsconfig.KeyProcess)
		return choice
	}
	for _, link := range c.order {
		switch {
		case link == Role && has(awsconfig.KeyRoleARN) && source:
			return at(Role, awsconfig.KeyRoleARN)
		case link == Web && web:
			return at(Web, awsconfig.KeyWebIdentity)
		case link == Login && p.HasSSO():
			return at(Login, firstOf(p, awsconfig.KeySSOSession, awsconfig.KeySSOStartURL, awsconfig.KeySSOAccountID, awsconfig.KeySSORoleName, awsconfig.KeySSORegion))
		case link == Login && has(awsconfig.KeyLoginSession):
			return at(Login, awsconfig.KeyLoginSession)
		case link == Keys && p.HasKeys() && (!c.keysLast || !has(awsconfig.KeyProcess) || inCredentials(files, p.Name)):
			return at(Keys, awsconfig.KeyAccessKeyID)
		case link == Process && has(awsconfig.KeyProcess):
			choice := at(Process, awsconfig.KeyProcess)
			choice.Runs = true
			return choice
		}
	}
	return Choice{Takes: Nothing}
}

// inCredentials reports whether the credentials file has keys of the profile.
func inCredentials(files *awsconfig.Files, name string) bool {
	alone := awsconfig.Files{Credentials: files.Credentials}
	p := alone.Profile(name)
	return p != nil && p.HasKeys()
}

// firstOf is the first of some keys that the profile has.
func firstOf(p *awsconfig.Profile, keys ...string) string {
	for _, key := range keys {
		if p.Value(key) != "" {
			return key
		}
	}
	return ""
}

// says is what an SDK does, in words.
func (c Choice) says() string {
	switch {
	case c.Takes == Role && c.Runs:
		return "runs the helper and assumes the role with what it gives"
	case c.Takes == Role, c.Takes == Web:
		return "assumes the role itself"
	case c.Takes == Variables:
		return "takes the keys in variables"
	case c.Takes == Process:
		return "runs the helper"
	case c.Takes == Keys:
		return "takes the profile's keys"
	case c.Takes == Login:
		return "takes the login"
	case c.Takes == Refused:
		return "refuses the profile"
	}
	return "finds no credentials in it"
}

// Line is the choice as a line of a table.
func (c Choice) Line() string {
	where := ""
	if c.Where != "" {
		where = " (" + c.Where + ")"
	}
	return fmt.Sprintf("%-10s  %s%s", c.SDK, c.says(), where)
}

// summary says in one phrase what the SDKs do, those that do the same together.
func summary(all []Choice) string {
	var ways []string
	who := map[string][]string{}
	for _, c := range all {
		say := c.says()
		if who[say] == nil {
			ways = append(ways, say)
		}
		who[say] = append(who[say], c.SDK)
	}
	var parts []string
	for _, say := range ways {
		parts = append(parts, strings.Join(who[say], ", ")+": "+say)
	}
	return strings.Join(parts, "; ")
}
