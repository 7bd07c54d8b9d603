package process_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/internal/settings"
)

const (
	partner  = "444455556666"
	readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	ec2Only  = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
	anyZones = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:DescribeAvailabilityZones","Resource":"*"}]}`
)

// flagValues are what a request is made of: a flag without its dashes, and its values.
type flagValues map[string][]string

// with is s with one setting changed, or without it where no value is given.
func (s flagValues) with(flag string, values ...string) flagValues {
	out := flagValues{}
	maps.Copy(out, s)
	if out[flag] = values; len(values) == 0 {
		delete(out, flag)
	}
	return out
}

// flags, variables and entry are the three ways to say them.
func (s flagValues) flags() (args []string) {
	for _, known := range settings.Settings() { // in a steady order
		for _, v := range s[known.Flag] {
			if known.Kind == settings.Bool {
				args = append(args, "--"+known.Flag)
				continue
			}
			args = append(args, "--"+known.Flag, v)
		}
	}
	return args
}

func (s flagValues) variables() (env []string) {
	for _, known := range settings.Settings() {
		if v, ok := s[known.Flag]; ok {
			env = append(env, known.Env+"="+strings.Join(v, "\n"))
		}
	}
	return env
}

func (s flagValues) entry(name string) string {
	var out strings.Builder
	out.WriteString("[profile." + name + "]\n")
	for _, known := range settings.Settings() {
		v, ok := s[known.Flag]
		switch {
		case !ok:
		case known.Kind == settings.Bool:
			out.WriteString(known.Key + " = " + v[0] + "\n")
		case known.Kind == settings.List:
			list, _ := json.Marshal(v)
			out.WriteString(known.Key + " = " + string(list) + "\n")
		default:
			out.WriteString(known.Key + " = " + strconv.Quote(v[0]) + "\n")
		}
	}
	return out.String()
}

// operation is one operation of STS as a user asks for it.
type operation struct {
	name, op string
	settings flagValues
	arn      string // as GetCallerIdentity has it
	account  string
	unsigned bool
}

// stage is a world with one of everything that the operations need.
type stage struct {
	*harness.World
	t      testing.TB
	idp    *emulator.OIDCProvider
	issuer *emulator.SAMLProvider
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{World: harness.NewWorld(t), t: t}
	s.prepare(t)
	return s
}

func (s *stage) prepare(t testing.TB) {
	t.Helper()
	s.STS.SetAccount(emulator.Account{ID: harness.Account, Management: true})
	s.idp = s.STS.AddOIDCProvider(harness.Account, "https://idp.example.com", "sts.amazonaws.com")
	s.issuer = s.STS.AddSAMLProvider(harness.Account, "example")
	s.STS.AddRole(harness.Account, "deploy", emulator.MaxSessionDuration(43200))
	s.STS.AddRole(partner, "partner", emulator.Trust(harness.Account), emulator.RequireExternalID("partner-42"))
	s.STS.AddRole(partner, "hub", emulator.Trust(harness.Account), emulator.MaxSessionDuration(43200))
	s.STS.AddRole(partner, "spoke", emulator.MaxSessionDuration(43200))
	s.STS.AddRole(harness.Account, "web", emulator.Trust(s.idp.ARN))
	s.STS.AddRole(harness.Account, "saml", emulator.Trust(s.issuer.ARN))
	harness.Must(t, s.Write("policy.json", "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": {\"Effect\": \"Allow\", \"Action\": \"ec2:DescribeAvailabilityZones\", \"Resource\": \"*\"}\n}\n"))
	harness.Must(t, s.Write("other.json", strings.Replace(anyZones, "DescribeAvailabilityZones", "DescribeImages", 1)))
	s.identityToken(t, "pod-1", time.Hour)
	s.assertion(t, 0)
	config, err := os.ReadFile(filepath.Join(s.Dir, ".aws", "config"))
	harness.Must(t, err)
	harness.Must(t, s.Write(".aws/config", string(config)+fmt.Sprintf(`
[profile hub]
role_arn = arn:aws:iam::%[1]s:role/hub
source_profile = base
role_session_name = by-hub
[profile spoke]
role_arn = arn:aws:iam::%[1]s:role/spoke
source_profile = hub
role_session_name = by-spoke
`, partner)))
}

// identityToken writes a web identity token of a subject, issued now by the world's clock.
func (s *stage) identityToken(t testing.TB, subject string, life time.Duration) {
	t.Helper()
	harness.Must(t, s.Write("token", s.idp.Token(subject, "sts.amazonaws.com", s.STS.Now().Add(life))+"\n"))
}

// assertion writes a SAML assertion; it is good for five minutes.
func (s *stage) assertion(t testing.TB, n int) {
	t.Helper()
	harness.Must(t, s.Write("assertion", s.issuer.Assertion(emulator.SAMLAssertion{
		RoleARNs: []string{"arn:aws:iam::" + harness.Account + ":role/saml"}, RoleSessionName: fmt.Sprintf("alice%d@example.com", n), Issued: s.STS.Now(),
	})+"\n"))
}

func (s *stage) path(name string) string { return filepath.Join(s.Dir, name) }

// operations is every operation, with most of the settings it takes.
func (s *stage) operations() []operation {
	role := func(account, name string) string { return "arn:aws:iam::" + account + ":role/" + name }
	session := func(account, name string) string { return "arn:aws:sts::" + account + ":assumed-role/" + name }
	return []operation{
		{"session", "GetSessionToken", flagValues{"source-profile": {"base"}, "duration": {"1h"}, "region": {"eu-central-1"}}, s.User.ARN, harness.Account, false},
		{"federation", "GetFederationToken", flagValues{"source-profile": {"base"}, "federation-name": {"visitor"}, "policy": {s.path("policy.json")},
			"tag": {"Team=ops", "Cost Center=1 @ 2"}, "duration": {"3h"}},
			"arn:aws:sts::" + harness.Account + ":federated-user/visitor", harness.Account, false},
		{"federation by flags", "GetFederationToken", flagValues{"source-profile": {"base"}, "federation-name": {"guest"}, "allow": {"ec2:Describe*", "s3:get_object"},
			"deny": {"ec2:DescribeImages"}, "resource": {"arn:aws:s3:::reports/*"}, "policy-arn": {readOnly}},
			"arn:aws:sts::" + harness.Account + ":federated-user/guest", harness.Account, false},
		{"federation without a policy", "GetFederationToken", flagValues{"source-profile": {"base"}, "federation-name": {"nobody"}, "no-policy": {"true"}},
			"arn:aws:sts::" + harness.Account + ":federated-user/nobody", harness.Account, false},
		{"role", "AssumeRole", flagValues{"source-profile": {"base"}, "role-arn": {role(partner, "partner")}, "role-session-name": {"alice@work"},
			"external-id": {"partner-42"}, "source-identity": {"alice"}, "tag": {"Team=ops", "Cost=7"}, "transitive-tag": {"Team"},
			"policy": {s.path("policy.json")}, "policy-arn": {ec2Only}, "duration": {"30m"}},
			session(partner, "partner") + "/alice@work", partner, false},
		{"role from a role", "AssumeRole", flagValues{"source-profile": {"hub"}, "role-arn": {role(partner, "spoke")}, "role-session-name": {"onward"}},
			session(partner, "spoke") + "/onward", partner, false},
		{"role of an AWS profile", "AssumeRole", flagValues{"source-profile": {"spoke"}}, session(partner, "spoke") + "/by-spoke", partner, false},
		{"web identity", "AssumeRoleWithWebIdentity", flagValues{"role-arn": {role(harness.Account, "web")}, "role-session-name": {"pod"},
			"web-identity-token-file": {s.path("token")}, "policy-arn": {readOnly}},
			session(harness.Account, "web") + "/pod", harness.Account, true},
		{"SAML by file", "AssumeRoleWithSAML", flagValues{"role-arn": {role(harness.Account, "saml")}, "principal-arn": {s.issuer.ARN}, "saml-assertion-file": {s.path("assertion")},
			"allow": {"ec2:Describe*"}},
			session(harness.Account, "saml") + "/alice0@example.com", harness.Account, true},
		{"SAML by command", "AssumeRoleWithSAML", flagValues{"role-arn": {role(harness.Account, "saml")}, "principal-arn": {s.issuer.ARN}, "saml-assertion-command": {"cat '" + s.path("assertion") + "'"}},
			session(harness.Account, "saml") + "/alice0@example.com", harness.Account, true},
		{"root task", "AssumeRoot", flagValues{"source-profile": {"base"}, "target-principal": {partner}, "duration": {"15m"},
			"task-policy-arn": {"arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}},
			"arn:aws:sts::" + partner + ":assumed-root", partner, false},
	}
}

// whose is what STS itself says of credentials, asked by the AWS SDK.
func whose(t testing.TB, w *harness.World, d harness.Document) *awssts.GetCallerIdentityOutput {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := awssts.New(awssts.Options{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(w.STS.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(d.AccessKeyId, d.SecretAccessKey, d.SessionToken),
		HTTPClient:   &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}).GetCallerIdentity(ctx, nil)
	harness.Must(t, err)
	return out
}

// Flags, variables and the config file ask for the same token, and it is whose it should be.
func TestOperations(t *testing.T) {
	for i, o := range newStage(t).operations() {
		if harness.LeftOut(i) {
			continue
		}
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			o = s.operations()[i]
			first := s.Run(t, o.settings.flags()...)
			d := s.Creds(t, first)

			byVariables := s.Command(t)
			byVariables.Env = append(byVariables.Env, o.settings.variables()...)
			if r := s.Finish(t, byVariables); r.Stdout != first.Stdout || r.Stderr != "" {
				t.Errorf("by variables: exit %d, %q, the same token: %v", r.Code, r.Stderr, r.Stdout == first.Stdout)
			}
			harness.Must(t, s.Write(".config/sts-helper/config.toml", o.settings.entry("op")))
			if r := s.Run(t, "--profile", "op"); r.Stdout != first.Stdout || r.Stderr != "" {
				t.Errorf("by the config file: exit %d, %q, the same token: %v", r.Code, r.Stderr, r.Stdout == first.Stdout)
			}
			want := 1
			if o.name == "role from a role" || o.name == "role of an AWS profile" {
				want = 2 // and the role before it
			}
			if n := s.STS.Count(o.op); n != want || s.STS.Count("") != want {
				t.Errorf("%d calls of %s and %d in all, want %d", n, o.op, s.STS.Count(""), want)
			}
			if r := s.LastRequest(t, o.op); (r.AccessKeyID == "") != o.unsigned {
				t.Errorf("signed by %q, unsigned wanted: %v", r.AccessKeyID, o.unsigned)
			}
			if id := whose(t, s.World, d); *id.Arn != o.arn || *id.Account != o.account || d.AccountId != o.account {
				t.Errorf("the credentials are those of %s (%s), the document says %s; want %s", *id.Arn, *id.Account, d.AccountId, o.arn)
			}
		})
	}
}

// What was asked for is what STS was asked for: field by field, as it noted it.
func TestOperationsSendTheirSettings(t *testing.T) {
	s := newStage(t)
	got := map[string]emulator.Identity{}
	for _, o := range s.operations() {
		d := s.Creds(t, s.Run(t, o.settings.flags()...))
		got[o.name], _ = s.STS.Lookup(d.AccessKeyId)
	}
	life := func(name string) time.Duration {
		return got[name].Expiration.Sub(got[name].Issued).Round(time.Minute)
	}
	flags := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:Describe*","s3:GetObject"],"Resource":"arn:aws:s3:::reports/*"},{"Effect":"Deny","Action":"ec2:DescribeImages","Resource":"*"}]}`
	for _, tc := range []struct{ what, got, want any }{
		{"session: region", got["session"].Region, "eu-central-1"},
		{"session: life", life("session"), time.Hour},
		{"federation: policy", got["federation"].Policy, strings.NewReplacer("[{", "{", "}]", "}").Replace(anyZones)},
		{"federation: tags", fmt.Sprint(got["federation"].Tags), "map[Cost Center:1 @ 2 Team:ops]"},
		{"federation: life", life("federation"), 3 * time.Hour},
		{"by flags: policy", got["federation by flags"].Policy, flags},
		{"by flags: ARNs", fmt.Sprint(got["federation by flags"].PolicyARNs), "[" + readOnly + "]"},
		{"by flags: life", life("federation by flags"), 12 * time.Hour},
		{"without a policy", got["federation without a policy"].Policy, ""},
		{"role: tags", fmt.Sprint(got["role"].Tags), "map[Cost:7 Team:ops]"},
		{"role: transitive", fmt.Sprint(got["role"].TransitiveTags), "[Team]"},
		{"role: source identity", got["role"].SourceIdentity, "alice"},
		{"role: ARNs", fmt.Sprint(got["role"].PolicyARNs), "[" + ec2Only + "]"},
		{"role: policy", got["role"].Policy, got["federation"].Policy},
		{"role: life", life("role"), 30 * time.Minute},
		{"role from a role: life", life("role from a role"), time.Hour},
		{"web identity: subject", got["web identity"].Subject, "pod-1"},
		{"web identity: ARNs", fmt.Sprint(got["web identity"].PolicyARNs), "[" + readOnly + "]"},
		{"root: life", life("root task"), 15 * time.Minute},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %v, want %v", tc.what, tc.got, tc.want)
		}
	}
}

// A hundred processes at once make one call, whatever the operation.
func TestCrowdsOfOperations(t *testing.T) {
	harness.Long(t, "hundreds of processes")
	const n = 100
	for _, o := range newStage(t).operations() {
		t.Run(o.name, func(t *testing.T) {
			s := newStage(t)
			for _, now := range s.operations() {
				if now.name == o.name {
					o = now
				}
			}
			// Most of the crowd is there before the one that asks has its answer.
			s.STS.Fault(emulator.Fault{Kind: emulator.Delay, Delay: 2 * time.Second, Op: o.op, Times: 1})
			results := s.RunTogether(t, n, nil, o.settings.flags()...)
			s.Creds(t, results[0])
			for _, r := range results {
				if r.Stdout != results[0].Stdout || r.Stderr != "" {
					t.Fatalf("exit %d, %q, the same document: %v", r.Code, r.Stderr, r.Stdout == results[0].Stdout)
				}
			}
			want := 1
			if o.name == "role from a role" || o.name == "role of an AWS profile" {
				want = 2
			}
			if got := s.STS.Count(""); got != want {
				t.Errorf("%d calls of STS, want %d", got, want)
			}
		})
	}
}
