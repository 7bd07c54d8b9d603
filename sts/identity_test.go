package sts_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

// An answer about another identity is not a token.
func TestWrongIdentity(t *testing.T) {
	t.Parallel()
	fed := sts.Request{Operation: token.GetFederationToken, Name: "alice"}
	role := sts.Request{Operation: token.AssumeRole, RoleArn: roleArn, RoleSessionName: "build"}
	sourced := role
	sourced.SourceIdentity = "alice"
	web := valid("AssumeRoleWithWebIdentity")
	saml := valid("AssumeRoleWithSAML")
	root := valid("AssumeRoot")
	scoped := valid("GetScopedCredentials")
	scoped.SourceARN = "arn:aws:sts::" + account + ":assumed-role/Admin/build"
	jwt := valid("GetWebIdentityToken")
	const assumed, federated = "arn:aws:sts::111122223333:assumed-role/", "arn:aws:sts::111122223333:federated-user/"
	arn := func(id, arn string) func(*said) { return func(s *said) { s.ID, s.ARN = id, arn } }
	key := func(account string) func(*said) { return func(s *said) { s.KeyID = keyID("ASIA", account) } }
	all := func(account, id, arn string) func(*said) {
		return func(s *said) { s.KeyID, s.ID, s.ARN = keyID("ASIA", account), id, arn }
	}
	for name, c := range map[string]struct {
		r      sts.Request
		change func(*said)
	}{
		"federation, ARN of another":         {fed, arn(account+":alice", federated+"bob")},
		"federation, all of another account": {fed, all(other, other+":alice", "arn:aws:sts::"+other+":federated-user/alice")},
		"role, all of another account":       {role, all(other, "AROAX:build", "arn:aws:sts::"+other+":assumed-role/Admin/build")},
		"role, more behind the session":      {role, arn("AROAX:build", assumed+"Admin/build/x")},
		"role, no session":                   {role, arn("AROAX:build", assumed+"Admin")},
		"role, something else of the name":   {role, arn("AROAX:build", "arn:aws:sts::"+account+":other/Admin/build")},
		"session, key of another account":    {sts.Request{Operation: token.GetSessionToken}, key(other)},
		"federation, other name":             {fed, arn(account+":bob", federated+"bob")},
		"federation, name with more":         {fed, arn(account+":alice2", federated+"alice2")},
		"federation, other case":             {fed, arn(account+":Alice", federated+"Alice")},
		"federation, other account":          {fed, arn(other+":alice", "arn:aws:sts::"+other+":federated-user/alice")},
		"federation, other partition":        {fed, arn(account+":alice", "arn:aws-cn:sts::"+account+":federated-user/alice")},
		"federation, role instead":           {fed, arn("AROAX:alice", assumed+"Admin/alice")},
		"federation, id of another":          {fed, arn(account+":bob", federated+"alice")},
		"federation, id of another account":  {fed, arn(other+":alice", federated+"alice")},
		"federation, key of another account": {fed, key(other)},
		"role, other role":                   {role, arn("AROAX:build", assumed+"Other/build")},
		"role, path kept":                    {role, arn("AROAX:build", assumed+"team/Admin/build")},
		"role, other case":                   {role, arn("AROAX:build", assumed+"admin/build")},
		"role, other account":                {role, arn("AROAX:build", "arn:aws:sts::"+other+":assumed-role/Admin/build")},
		"role, other partition":              {role, arn("AROAX:build", "arn:aws-us-gov:sts::"+account+":assumed-role/Admin/build")},
		"role, other session":                {role, arn("AROAX:deploy", assumed+"Admin/deploy")},
		"role, id of another session":        {role, arn("AROAX:deploy", assumed+"Admin/build")},
		"role, id without a session":         {role, arn("AROAX", assumed+"Admin/build")},
		"role, federated user instead":       {role, arn(account+":build", federated+"build")},
		"role, key of another account":       {role, key(other)},
		"role, other source identity":        {sourced, func(s *said) { s.SourceIdentity = "bob" }},
		"role, source identity lost":         {sourced, func(s *said) { s.SourceIdentity = "" }},
		"web identity, other role":           {web, arn("AROAX:build", assumed+"Other/build")},
		"web identity, other session":        {web, arn("AROAX:x1", assumed+"Admin/x1")},
		"web identity, key of another":       {web, key(other)},
		"SAML, other role":                   {saml, arn("AROAX:alice@example.com", assumed+"Other/alice@example.com")},
		"SAML, other account":                {saml, arn("AROAX:alice", "arn:aws:sts::"+other+":assumed-role/Admin/alice")},
		"SAML, id of another session":        {saml, arn("AROAX:bob", assumed+"Admin/alice")},
		"root, key of another account":       {root, key(other)},
		"scoped, other session":              {scoped, arn("AROAX:x1", assumed+"Admin/x1")},
		"scoped, other role":                 {scoped, arn("AROAX:build", assumed+"Other/build")},
		"scoped, user instead":               {scoped, arn("AIDAX", "arn:aws:iam::"+account+":user/build")},
		"scoped, other account":              {scoped, all(other, "AROAX:build", "arn:aws:sts::"+other+":assumed-role/Admin/build")},
		"scoped, other partition":            {scoped, arn("AROAX:build", "arn:aws-cn:sts::"+account+":assumed-role/Admin/build")},
		"scoped, key of another account":     {scoped, key(other)},
		"web identity token, other audience": {jwt, func(s *said) {
			r := jwt
			r.Audience = []string{"https://other.example"}
			*s = good(r)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := good(c.r)
			c.change(&s)
			f := serve(t, answers(200, s.xml(c.r.Operation)))
			source := keys()
			if c.r.Operation == token.GetScopedCredentials {
				source = temporary(time.Now().Add(2 * time.Hour))
			}
			_, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), c.r, source)
			if e == nil || e.Class != sts.BadAnswer || !errors.Is(e, sts.ErrWrongIdentity) || e.Final() || e.Unsent || f.count() != 1 {
				t.Errorf("%v after %d", e, f.count())
			}
		})
	}

	// To name no identity, or one that cannot be, is an error too.
	for name, c := range map[string]struct {
		r      sts.Request
		change func(*said)
	}{
		"federation, no one":   {fed, arn("", "")},
		"federation, no ARN":   {fed, arn(account+":alice", "")},
		"role, no one":         {role, arn("", "")},
		"role, no id":          {role, arn("", assumed+"Admin/build")},
		"role, not an ARN":     {role, arn("AROAX:build", "Admin/build")},
		"role, IAM ARN":        {role, arn("AROAX:build", roleArn)},
		"role, not of STS":     {role, arn("AROAX:build", "arn:aws:iam::"+account+":assumed-role/Admin/build")},
		"role, of a region":    {role, arn("AROAX:build", "arn:aws:sts:eu-west-1:"+account+":assumed-role/Admin/build")},
		"role, turned writing": {role, arn("AROAX:build", assumed+"Admin/build\u202e")},
		"role, id too long":    {role, arn(strings.Repeat("A", 190)+":build", assumed+"Admin/build")},
		"role, packed below 0": {role, func(s *said) { s.Packed = "-1" }},
		"role, size below 0":   {role, func(s *said) { s.Size = "-1" }},
		"role, used below 0":   {role, func(s *said) { s.Utilization = "-1" }},
		"subject with a bell":  {web, func(s *said) { s.Extra = "<SubjectFromWebIdentityToken>a\u200bb</SubjectFromWebIdentityToken>" }},
		"endless subject":      {web, func(s *said) { s.Extra = "<Audience>" + strings.Repeat("a", 5000) + "</Audience>" }},
	} {
		t.Run(name, func(t *testing.T) {
			s := good(c.r)
			c.change(&s)
			f := serve(t, answers(200, s.xml(c.r.Operation)))
			if _, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), c.r, keys()); e == nil || e.Class != sts.BadAnswer {
				t.Errorf("%v", e)
			}
		})
	}

	// A secret in an ARN is not repeated.
	s := good(role)
	s.ARN = "arn:aws:sts::" + other + ":assumed-role/" + secret[:20] + "/build"
	f := serve(t, answers(200, s.xml(role.Operation)))
	if _, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), role, keys()); e == nil || !strings.Contains(e.Error(), "[secret]") {
		t.Errorf("%v", e)
	}

	// An account that must be, and is not.
	f = serve(t, echo(role))
	if _, e := ask(t, client(t, sts.Options{Endpoint: f.URL, AccountID: other}), role, keys()); !errors.Is(e, sts.ErrWrongIdentity) {
		t.Errorf("%v", e)
	}

	// Key ids that tell no account are no reason to refuse; a role of another account is none either.
	s = good(role)
	s.KeyID = "ASIAIOSFODNN7EXAMPLE"
	f = serve(t, answers(200, s.xml(role.Operation)))
	foreign := static(aws.Credentials{AccessKeyID: keyID("AKIA", other), SecretAccessKey: "CANARY"})
	if tok, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), role, foreign); e != nil || tok.Credentials.AccountID != account {
		t.Errorf("%v", e)
	}
}
