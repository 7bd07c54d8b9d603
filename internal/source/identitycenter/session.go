// Package identitycenter gets credentials from AWS IAM Identity Center: it reads the token file
// that AWS's tools share, refreshes it, asks the portal for the credentials of a role, logs in
// and out.
//
// The facts are from the service models of sso and sso-oidc, and from what botocore and the AWS
// CLI 2 write. Nothing here locks: the caller of [Refresh], [Grant.Save] or [Logout] holds a
// lock on the token file, because a refresh token that is spent twice ends the session.
package identitycenter

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/source/loginfile"
)

// Session is what a profile says about its login.
type Session struct {
	// Name is that of the sso-session section; empty for a profile of the old form, which has
	// only a start URL.
	Name     string
	StartURL string
	Region   string   // of Identity Center
	Scopes   []string // to register for; sso:account:access where empty
}

// TokenFile is the name that AWS's tools give the session's token file in ~/.aws/sso/cache.
func (s Session) TokenFile() string {
	key := s.Name
	if key == "" {
		key = s.StartURL
	}
	return awsconfig.SSOTokenFile(key)
}

// Service is where Identity Center is asked.
type Service struct {
	Transport http.RoundTripper
	Portal    string // such as https://portal.sso.eu-central-1.amazonaws.com
	OIDC      string // such as https://oidc.eu-central-1.amazonaws.com
	UserAgent string
	// Refreshed is [loginfile.Kind]'s.
	Refreshed func(before, after []byte)
}

// Login is what a token file says.
type Login struct {
	AccessToken  string
	ExpiresAt    time.Time // of the access token
	RefreshToken string    // empty where the login cannot be refreshed
	ClientID     string
	ClientSecret string
	ClientEnds   time.Time // of the client's registration; zero where it is not said
	Region       string
	StartURL     string

	text *loginfile.Text
}

var kind = loginfile.Kind[*Login]{Parse: parse}

// Read reads a token file. Its errors are those of package loginfile.
func Read(path string) (*Login, error) { return kind.Read(path) }

// ErrOtherPortal is a token file whose login is to another start URL than the profile's: the file has the name of
// the sso-session, whatever that says by now.
var ErrOtherPortal = errors.New("the login is to another start URL")

// Read is the function of that name for the token file of s, at path. A login to another start URL is [ErrOtherPortal].
func (s Session) Read(path string) (*Login, error) {
	l, err := Read(path)
	if err == nil && l.StartURL != "" && portalOf(l.StartURL) != portalOf(s.StartURL) {
		err = fmt.Errorf("%w (%s)", ErrOtherPortal, l.StartURL)
	}
	return l, err
}

// portalOf is a start URL without what AWS's console shows behind it, and people leave out: "/start/#/".
func portalOf(startURL string) string { return strings.TrimRight(strings.ToLower(startURL), "/#") }

func parse(t *loginfile.Text) (*Login, error) {
	l := &Login{
		AccessToken: t.String("accessToken"), ExpiresAt: t.Time("expiresAt"),
		RefreshToken: t.String("refreshToken"), ClientID: t.String("clientId"), ClientSecret: t.String("clientSecret"),
		ClientEnds: t.Time("registrationExpiresAt"), Region: t.String("region"), StartURL: t.String("startUrl"), text: t,
	}
	if l.AccessToken == "" || l.ExpiresAt.IsZero() {
		return nil, loginfile.ErrDamaged
	}
	return l, nil
}

// Valid reports whether the access token lasts longer than left.
func (l *Login) Valid(now time.Time, left time.Duration) bool {
	return l.ExpiresAt.Round(0).Sub(now.Round(0)) > left
}

// Refreshable reports whether the file has what a refresh needs, as far as can be known
// without asking.
func (l *Login) Refreshable(now time.Time) bool {
	return l.RefreshToken != "" && l.ClientID != "" && l.ClientSecret != "" && (l.ClientEnds.IsZero() || now.Before(l.ClientEnds))
}

// Text is the token file.
func (l *Login) Text() *loginfile.Text { return l.text }

// Endpoints are where AWS has Identity Center's portal and token service in a region.
func Endpoints(region string) (portal, oidc string) {
	host := region + "." + awsname.PartitionOf(region).DNSSuffix
	return "https://portal.sso." + host, "https://oidc." + host
}
