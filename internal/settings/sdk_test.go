package settings_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// sdkChain is the way the SDK takes (resolve_credentials.go): the roles it assumes, from the
// bottom up, and what the first of them is assumed with.
func sdkChain(c *config.SharedConfig) (roles []string, bottom string) {
	switch {
	case c.Source != nil:
		roles, bottom = sdkChain(c.Source)
	case c.Credentials.HasKeys():
		bottom = "static " + c.Credentials.AccessKeyID
	case c.CredentialSource != "":
		bottom = "instance"
	case c.WebIdentityTokenFile != "":
		return []string{c.RoleARN}, "token"
	case c.SSOSessionName+c.SSORegion != "":
		bottom = "sso"
	case c.LoginSession != "":
		bottom = "login"
	case c.CredentialProcess != "":
		bottom = "process"
	default:
		bottom = "default"
	}
	if c.RoleARN != "" {
		roles = append(roles, c.RoleARN)
	}
	return roles, bottom
}

func ourChain(r *request.Request) (roles []string, bottom string) {
	if r.Base != nil {
		roles, bottom = ourChain(r.Base)
	} else if bottom = string(r.Source.Kind); r.Source.Kind == request.SourceStatic {
		bottom += " " + r.Source.AccessKeyID
	} else if r.Operation == "AssumeRoleWithWebIdentity" {
		bottom = "token"
	}
	if r.RoleARN != "" {
		roles = append(roles, r.RoleARN)
	}
	return roles, bottom
}

// TestChainsAsTheSDK gives a few profiles random ways to their credentials and compares
// where each leads.
func TestChainsAsTheSDK(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	rng := rand.New(rand.NewPCG(3, 4))
	compared, refused := 0, 0
	w := newWorld(t)
	for range 1500 {
		var text strings.Builder
		for _, n := range names {
			fmt.Fprintf(&text, "[profile %s]\n", n)
			for _, line := range []string{
				"role_arn = arn:aws:iam::1:role/" + n, "source_profile = " + names[rng.IntN(len(names))], "source_profile = " + names[rng.IntN(len(names))],
				"aws_access_key_id = AKIA" + n + "\naws_secret_access_key = CANARY", "credential_source = Ec2InstanceMetadata",
				"web_identity_token_file = /t", "credential_process = /bin/x", "sso_region = r\nsso_start_url = u\nsso_account_id = 1\nsso_role_name = n",
			} {
				if strings.HasPrefix(line, "role_arn") && rng.IntN(2) == 0 || rng.IntN(4) == 0 {
					text.WriteString(line + "\n")
				}
			}
		}
		w.config(text.String()).credentials("")
		sdk, sdkErr := config.LoadSharedConfigProfile(context.Background(), "a", func(o *config.LoadSharedConfigOptions) {
			o.ConfigFiles, o.CredentialsFiles = []string{filepath.Join(w.home, ".aws/config")}, []string{filepath.Join(w.home, ".aws/credentials")}
		})
		r, err := settings.Load(flags("--source-profile=a"), w.env())
		if (sdkErr == nil) != (err == nil) {
			t.Fatalf("SDK %v\nours %v\n%s", sdkErr, err, text.String())
		}
		if err != nil {
			refused++
			continue
		}
		compared++
		roles, bottom := sdkChain(&sdk)
		ours, ourBottom := ourChain(r)
		if !slices.Equal(roles, ours) || bottom != ourBottom {
			t.Fatalf("SDK %q from %s\nours %q from %s\n%s", roles, bottom, ours, ourBottom, text.String())
		}
	}
	if compared < 300 || refused < 100 {
		t.Errorf("too few of a kind to mean anything: %d compared, %d refused", compared, refused)
	}
}
