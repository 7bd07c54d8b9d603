package identitycenter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/source/loginfile"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
)

const (
	accountAccess = "sso:account:access"
	deviceGrant   = "urn:ietf:params:oauth:grant-type:device_code"
	codeGrant     = "authorization_code"
)

// registration is a registered client, as its file beside the token files holds it.
type registration struct {
	id, secret string
	expires    time.Time
	fresh      bool // not on disk yet
	file       string
	scopes     []string
	grants     []string
}

// registrationMargin is how long a registration that is used again must last.
const registrationMargin = 24 * time.Hour

// registrationFile is the name of the file beside the token files that keeps a registration. It
// is never the name of a registration that botocore made: those stay botocore's.
func (s Session) registrationFile(grant string) string {
	return awsconfig.SSOTokenFile(strings.Join([]string{"sts-helper", grant, s.Region, s.StartURL, s.Name, strings.Join(s.scopes(), " ")}, "\x00"))
}

func (s Session) scopes() []string {
	if len(s.Scopes) == 0 {
		return []string{accountAccess}
	}
	return s.Scopes
}

// register finds a registration for a grant in dir that still lasts, or makes one.
func (s Service) register(ctx context.Context, dir string, ses Session, grant string) (registration, error) {
	r := registration{file: ses.registrationFile(grant), scopes: ses.scopes(), grants: []string{grant, "refresh_token"}}
	if t, err := loginfile.Read(filepath.Join(dir, r.file)); err == nil {
		r.id, r.secret, r.expires = t.String("clientId"), t.String("clientSecret"), t.Time("expiresAt")
		if r.id != "" && r.secret != "" && time.Until(r.expires) > registrationMargin {
			return r, nil
		}
	}
	name := ses.Name
	if name == "" {
		name = strconv.FormatInt(time.Now().Unix(), 10)
	}
	in := map[string]any{"clientName": "sts-helper-" + name, "clientType": "public", "scopes": r.scopes, "grantTypes": r.grants}
	if grant == codeGrant {
		in["redirectUris"], in["issuerUrl"] = []string{oauth.RegisteredRedirect}, ses.StartURL
	}
	var out struct {
		ID      string `json:"clientId"`
		Secret  string `json:"clientSecret"`
		Expires int64  `json:"clientSecretExpiresAt"` // seconds since 1970
	}
	if err := s.request(s.OIDC+"/client/register", in).Do(ctx, s.Transport, &out); err != nil {
		return r, fmt.Errorf("registering with IAM Identity Center: %w", err)
	}
	if out.ID == "" || out.Secret == "" {
		return r, errors.New("registering with IAM Identity Center: the answer has no client")
	}
	r.id, r.secret, r.expires, r.fresh = out.ID, out.Secret, time.Unix(out.Expires, 0), true
	return r, nil
}

// Grant is a login that is not on disk yet.
type Grant struct {
	session Session
	client  registration
	tokens  tokenAnswer
	expires time.Time
}

// Save writes the token file, and the client's registration, into dir. The caller holds the
// lock of the token file.
func (g *Grant) Save(dir string) (*Login, error) {
	path := filepath.Join(dir, g.session.TokenFile())
	f, err := loginfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	members := []loginfile.Member{
		{Name: "startUrl", Value: g.session.StartURL}, {Name: "region", Value: g.session.Region},
		{Name: "accessToken", Value: g.tokens.AccessToken}, {Name: "expiresAt", Value: g.expires},
		{Name: "clientId", Value: g.client.id}, {Name: "clientSecret", Value: g.client.secret},
		{Name: "registrationExpiresAt", Value: g.client.expires},
	}
	if g.tokens.RefreshToken != "" {
		members = append(members, loginfile.Member{Name: "refreshToken", Value: g.tokens.RefreshToken})
	}
	text := loginfile.New(members...)
	if err := f.Replace("", text, nil); err != nil {
		return nil, err
	}
	if g.client.fresh {
		g.client.save(dir) // without it the next login registers anew
	}
	return parse(text)
}

func (r registration) save(dir string) {
	f, err := loginfile.Open(filepath.Join(dir, r.file))
	if err != nil {
		return
	}
	defer f.Close()
	_ = f.Replace("", loginfile.New(
		loginfile.Member{Name: "clientId", Value: r.id}, loginfile.Member{Name: "clientSecret", Value: r.secret},
		loginfile.Member{Name: "expiresAt", Value: r.expires}, loginfile.Member{Name: "scopes", Value: r.scopes},
		loginfile.Member{Name: "grantTypes", Value: r.grants}), nil)
}

// forget removes a registration that the service no longer knows.
func (r registration) forget(dir string) {
	if f, err := loginfile.Open(filepath.Join(dir, r.file)); err == nil {
		_ = f.Remove()
		f.Close()
	}
}

// withClient runs a login with a registered client, and once more with a new one where the
// service does not know a registration that was on disk.
func (s Service) withClient(ctx context.Context, dir string, ses Session, grant string, run func(registration) (tokenAnswer, error)) (*Grant, error) {
	for {
		r, err := s.register(ctx, dir, ses, grant)
		if err != nil {
			return nil, err
		}
		out, err := run(r)
		switch {
		case err == nil:
			return &Grant{ses, r, out, expiry(out.ExpiresIn)}, nil
		case !r.fresh && slices.Contains([]string{"InvalidClientException", "UnauthorizedClientException"}, oauth.CodeOf(err)):
			r.forget(dir)
		default:
			return nil, err
		}
	}
}

// Prompt is what a user needs to know to allow a device's login on any device.
type Prompt struct {
	UserCode string
	URL      string // where the code is asked for
	FullURL  string // with the code in it
	Expires  time.Time
}

// ErrTimeout is a login that the user did not finish in time.
var ErrTimeout = errors.New("the login was not finished in time")

// slowDown is what each SlowDownException adds to the interval (RFC 8628, section 3.5).
const slowDown = 5 * time.Second

// LoginDevice logs in by a code that the user enters in a browser anywhere. It shows the prompt
// once, and asks for the token in the interval that the service wants until the user allowed
// it, refused ([oauth.ErrRefused]), or the code ended ([ErrTimeout]). It writes nothing.
// dir is where token files are, and registrations.
func (s Service) LoginDevice(ctx context.Context, dir string, ses Session, show func(Prompt)) (*Grant, error) {
	return s.withClient(ctx, dir, ses, deviceGrant, func(r registration) (tokenAnswer, error) {
		var d struct {
			DeviceCode string `json:"deviceCode"`
			UserCode   string `json:"userCode"`
			URL        string `json:"verificationUri"`
			FullURL    string `json:"verificationUriComplete"`
			ExpiresIn  int64  `json:"expiresIn"` // seconds
			Interval   int64  `json:"interval"`  // seconds
		}
		err := s.request(s.OIDC+"/device_authorization", map[string]string{"clientId": r.id, "clientSecret": r.secret, "startUrl": ses.StartURL}).
			Do(ctx, s.Transport, &d)
		d.FullURL = cmp.Or(d.FullURL, d.URL)
		if err == nil && (d.DeviceCode == "" || d.UserCode == "" || !page(d.URL) || !page(d.FullURL)) {
			err = errors.New("the answer has no code, or no page to enter it")
		}
		if err != nil {
			return tokenAnswer{}, fmt.Errorf("beginning the login: %w", err)
		}
		end := time.Now().Add(time.Duration(d.ExpiresIn) * time.Second)
		show(Prompt{d.UserCode, d.URL, d.FullURL, end})
		return s.poll(ctx, map[string]string{"clientId": r.id, "clientSecret": r.secret, "grantType": deviceGrant, "deviceCode": d.DeviceCode},
			time.Duration(max(d.Interval, 1))*time.Second, end)
	})
}

// page reports whether a URL of the service can be shown to the user.
func page(url string) bool {
	return display.Printable(url) && (strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://"))
}

// poll asks for a device's token until there is one. What goes wrong on the way, but for a
// refusal, is tried again: the user is still in the browser.
func (s Service) poll(ctx context.Context, in map[string]string, interval time.Duration, end time.Time) (tokenAnswer, error) {
	timer := time.NewTimer(interval)
	defer timer.Stop()
	var last error
	for {
		select {
		case <-ctx.Done():
			return tokenAnswer{}, context.Cause(ctx)
		case <-timer.C:
		}
		out, err := s.createToken(ctx, in)
		switch code := oauth.CodeOf(err); {
		case err == nil:
			return out, nil
		case code == "AuthorizationPendingException":
		case code == "SlowDownException":
			interval += slowDown
		case code == "AccessDeniedException":
			return out, oauth.ErrRefused
		case code == "ExpiredTokenException":
			return out, ErrTimeout
		case ctx.Err() != nil:
			return out, context.Cause(ctx)
		case !oauth.Spent(err):
			return out, err
		default:
			last = err
		}
		if !time.Now().Before(end) {
			if last != nil {
				return out, fmt.Errorf("%w: %w", ErrTimeout, last)
			}
			return out, ErrTimeout
		}
		timer.Reset(interval)
	}
}

// LoginBrowser logs in by a browser on this machine, which is sent back here. open shows the
// page, or says where it is. It writes nothing.
func (s Service) LoginBrowser(ctx context.Context, dir string, ses Session, open func(url string)) (*Grant, error) {
	return s.withClient(ctx, dir, ses, codeGrant, func(r registration) (tokenAnswer, error) {
		back, err := oauth.Listen()
		if err != nil {
			return tokenAnswer{}, err
		}
		defer back.Close()
		proof := oauth.NewPKCE()
		open(oauth.AuthorizeURL(s.OIDC+"/authorize", "response_type", "code", "client_id", r.id, "redirect_uri", back.Redirect(),
			"state", back.State, "code_challenge_method", "S256", "code_challenge", proof.Challenge(), "scopes", strings.Join(r.scopes, " ")))
		code, err := back.Wait(ctx)
		if err != nil {
			return tokenAnswer{}, err
		}
		return s.createToken(ctx, map[string]string{"clientId": r.id, "clientSecret": r.secret, "grantType": codeGrant,
			"code": code, "codeVerifier": proof.Verifier, "redirectUri": back.Redirect()})
	})
}
