package source

import (
	"context"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
	"github.com/sts-helper/sts-helper/internal/source/rolesanywhere"
	"github.com/sts-helper/sts-helper/token"
)

// certificate is a role that IAM Roles Anywhere gives for an X.509 certificate.
type certificate struct {
	def     request.Source
	options Options
}

func (s certificate) Fetch(ctx context.Context) (token.Credentials, error) {
	c := s.def.Certificate
	id, err := rolesanywhere.Load(c.File, c.KeyFile, c.ChainFile)
	if err != nil {
		return token.Credentials{}, failure.Sourcef(err, "the certificate for IAM Roles Anywhere cannot be used: %s", display.Safe(err.Error()))
	}
	if end := id.NotAfter(); !time.Now().Before(end) {
		return token.Credentials{}, failure.Sourcef(nil, "the certificate %s ended %s", display.Quote(c.File), end.UTC().Format("2006-01-02 15:04 UTC")).Do("have it renewed")
	}
	r := rolesanywhere.Request{TrustAnchorARN: c.TrustAnchorARN, ProfileARN: c.ProfileARN, RoleARN: c.RoleARN}
	endpoint := strings.TrimSuffix(c.Endpoint, "/")
	if endpoint == "" {
		endpoint = rolesanywhere.Endpoint(r.Region())
	}
	creds, err := rolesanywhere.CreateSession(ctx, oauth.NewTransport(s.options.CABundle), endpoint, userAgent, id, r)
	if err == nil {
		return creds, nil
	}
	f := &failure.Error{Class: failure.Unreachable, Err: err, Text: "IAM Roles Anywhere gave no credentials: " + reason(err), Busy: tooMany(err)}
	if refused(err) {
		f.Class, f.Final = failure.Denied, true
		f.Next = "check the ARNs of trust anchor, profile and role, and who issued the certificate"
	}
	return token.Credentials{}, f
}
