package render

import (
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/token"
)

// Variable is one variable of an environment.
type Variable struct{ Name, Value string }

// String is the variable as an environment has it.
func (v Variable) String() string { return v.Name + "=" + v.Value }

// Variables are the credentials as AWS programs read them, and the region under both of its names.
// What is not known is left out: an account, a region.
func Variables(c token.Credentials, region string) []Variable {
	expires := ""
	if c.CanExpire {
		expires = c.Expires.UTC().Format(time.RFC3339)
	}
	all := []Variable{
		{"AWS_ACCESS_KEY_ID", c.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", c.SecretAccessKey},
		{"AWS_SESSION_TOKEN", c.SessionToken},
		{"AWS_CREDENTIAL_EXPIRATION", expires},
		{"AWS_ACCOUNT_ID", c.AccountID},
	}
	return slices.DeleteFunc(append(all, Region(region)...), func(v Variable) bool { return v.Value == "" })
}

// Region is the region under both of its names: botocore reads AWS_DEFAULT_REGION, the others AWS_REGION.
// It is empty where no region is known, so that an environment keeps the one it has.
func Region(region string) []Variable {
	if region == "" {
		return nil
	}
	return []Variable{{"AWS_REGION", region}, {"AWS_DEFAULT_REGION", region}}
}

// others are the variables that name credentials, or take part in choosing them, and that a program
// must not find beside the ones it is given. Read off the SDKs' sources; a name at the end with * is
// a prefix.
var others = [...]struct {
	name string
	// wins reports that some SDK takes what it names even where there are keys in variables.
	wins bool
}{
	{"AWS_PROFILE", true},         // aws-sdk-js-v3 credential-provider-node and .NET 3 take the profile first
	{"AWS_DEFAULT_PROFILE", true}, // the older name of the same, for botocore and Go

	{"AWS_ACCESS_KEY_ID", false},
	{"AWS_ACCESS_KEY", false}, // aws-sdk-go-v2 config/env_config.go, Java v1
	{"AWS_SECRET_ACCESS_KEY", false},
	{"AWS_SECRET_KEY", false},
	{"AWS_SESSION_TOKEN", false},
	{"AWS_SECURITY_TOKEN", true},    // botocore EnvProvider.TOKENS has it before AWS_SESSION_TOKEN
	{"AMAZON_ACCESS_KEY_ID", false}, // aws-sdk-ruby credential_provider_chain.rb
	{"AMAZON_SECRET_ACCESS_KEY", false},
	{"AMAZON_SESSION_TOKEN", false},
	{"AWS_CREDENTIAL_EXPIRATION", false},
	{"AWS_CREDENTIAL_SCOPE", true}, // aws-sdk-js-v3 credential-provider-env reads it beside any keys
	{"AWS_ACCOUNT_ID", true},       // of other credentials: endpoints are made of it

	{"AWS_WEB_IDENTITY_TOKEN_FILE", true}, // .NET 3 FallbackCredentialsFactory has it before variables
	{"AWS_ROLE_*", false},                 // AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME
	{"AWS_CONTAINER_*", false},            // CREDENTIALS_FULL_URI, CREDENTIALS_RELATIVE_URI, AUTHORIZATION_TOKEN and _FILE
	{"AWS_BEARER_TOKEN_*", false},         // AWS_BEARER_TOKEN_BEDROCK: used in place of any signature
}

// Clean is an environment ("NAME=value") without the variables by which programs would find other
// credentials, or choose others.
func Clean(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		if runtime.GOOS == "windows" { // where names of variables have no case
			name = strings.ToUpper(name)
		}
		for _, o := range others {
			prefix, many := strings.CutSuffix(o.name, "*")
			if name == o.name || many && strings.HasPrefix(name, prefix) {
				return true
			}
		}
		return false
	})
}

// winning are the variables that some program would prefer to set, or take for a part of it, and that
// set does not overwrite.
func winning(set []Variable) (names []string) {
	for _, o := range others {
		if o.wins && !slices.ContainsFunc(set, func(v Variable) bool { return v.Name == o.name }) {
			names = append(names, o.name)
		}
	}
	return names
}
