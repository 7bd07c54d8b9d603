package settings

import (
	"path/filepath"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/token"
)

// identityCenter completes the source of a profile whose credentials IAM Identity Center gives:
// one that names an sso-session, or one of the old form, which has all the keys itself.
func (l *loader) identityCenter(p *awsconfig.Profile, s *request.Source) error {
	login := &request.Login{SessionName: strings.TrimSpace(p.Value(awsconfig.KeySSOSession))}
	from := p
	if login.SessionName != "" {
		var err error
		if from, err = l.other(awsconfig.SSOSession, p, awsconfig.KeySSOSession); err != nil {
			return err
		}
	}
	for _, want := range [...]struct {
		in    *awsconfig.Profile
		key   string
		value *string
	}{
		{from, awsconfig.KeySSOStartURL, &login.StartURL},
		{from, awsconfig.KeySSORegion, &login.Region},
		{p, awsconfig.KeySSOAccountID, &login.AccountID},
		{p, awsconfig.KeySSORoleName, &login.RoleName},
	} {
		*want.value = strings.TrimSpace(want.in.Value(want.key))
		if *want.value != "" {
			// The session's own keys may be in the profile, too, if they say the same.
			if other := strings.TrimSpace(p.Value(want.key)); want.in != p && other != "" && other != *want.value {
				return &Error{Kind: Config, Where: p.Where(want.key), What: want.key + " of profile " + display.Quote(p.Name) + " is another than that of its sso-session",
					Do: "remove it from the profile"}
			}
			continue
		}
		what := "profile " + display.Quote(p.Name) + " has settings of IAM Identity Center and no " + want.key
		if want.in != p {
			what = "[sso-session " + display.Safe(login.SessionName) + "] has no " + want.key
		}
		return &Error{Kind: Config, Where: want.in.Where(awsconfig.KeySSOStartURL), What: what, Do: "run: aws configure sso"}
	}
	if err := checkRegion(login.Region, func() string { return from.Where(awsconfig.KeySSORegion) }, Config); err != nil {
		return err
	}
	for scope := range strings.SplitSeq(from.Value(awsconfig.KeySSOScopes), ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			login.Scopes = append(login.Scopes, scope)
		}
	}
	key := login.SessionName
	if key == "" {
		key = login.StartURL
	}
	var err error
	if login.File, err = l.loginFile("", "sso", awsconfig.SSOTokenFile(key)); err != nil {
		return err
	}
	if login.Portal, _, err = l.serviceEndpoint("sso", p); err != nil {
		return err
	}
	if login.OIDC, _, err = l.serviceEndpoint("sso_oidc", p); err != nil {
		return err
	}
	s.Kind, s.Login = request.SourceSSO, login
	s.Digest = digest(text("identity center", "start_url", login.StartURL, "region", login.Region, "portal", login.Portal, "oidc", login.OIDC))
	return nil
}

// awsLogin completes the source of a profile that "aws login" wrote.
func (l *loader) awsLogin(p *awsconfig.Profile, s *request.Source) error {
	login := &request.Login{SessionARN: strings.TrimSpace(p.Value(awsconfig.KeyLoginSession)), Region: l.top.region}
	if region, _ := l.awsRegion(p); region != "" {
		login.Region = region
	}
	var err error
	if login.File, err = l.loginFile("AWS_LOGIN_CACHE_DIRECTORY", "login", awsconfig.LoginFile(login.SessionARN)); err != nil {
		return err
	}
	if login.SignIn, _, err = l.serviceEndpoint("signin", p); err != nil {
		return err
	}
	s.Kind, s.Login, s.Digest = request.SourceLogin, login, digest(text("login", "signin", login.SignIn))
	return nil
}

// loginFile is where AWS's tools keep a login: in the directory that a variable names, else in
// ~/.aws/KIND/cache.
func (l *loader) loginFile(variable, kind, name string) (string, error) {
	if variable != "" {
		if dir := l.env.Getenv(variable); dir != "" {
			return filepath.Join(l.env.expand(dir, ""), name), nil
		}
	}
	home := l.env.HomeDir()
	if home == "" {
		return "", &Error{Kind: Config, What: "there is no home directory to look for the login in", Do: "set HOME"}
	}
	return filepath.Join(home, ".aws", kind, "cache", name), nil
}

// NewIdentityCenter is a request for nothing but the login of a session of IAM Identity Center that
// no file has yet.
func NewIdentityCenter(session, startURL, region string, env Environment) (*request.Request, error) {
	if !awsname.ValidRegion(region) {
		return nil, &Error{Kind: Usage, What: display.Quote(region) + " is no region"}
	}
	l := &loader{env: env}
	login := &request.Login{SessionName: session, StartURL: startURL, Region: region, Scopes: []string{"sso:account:access"}}
	var err error
	if login.File, err = l.loginFile("", "sso", awsconfig.SSOTokenFile(session)); err != nil {
		return nil, err
	}
	if login.Portal, _, err = l.serviceEndpoint("sso", nil); err != nil {
		return nil, err
	}
	if login.OIDC, _, err = l.serviceEndpoint("sso_oidc", nil); err != nil {
		return nil, err
	}
	return &request.Request{Name: session, Operation: string(token.SourceCredentials), Region: region,
		Partition: awsname.PartitionOf(region).Name, Source: request.Source{Kind: request.SourceSSO, Login: login}}, nil
}
