// Package github gets the web identity token of a GitHub Actions job, which AWS's
// AssumeRoleWithWebIdentity takes.
package github

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
)

// Audience is what AWS's own action asks for by default, and "sts.amazonaws.com.cn" is what IAM's
// documentation wants in China: sts and the partition's DNS suffix.
func Audience(p *awsname.Partition) string { return "sts." + p.DNSSuffix }

// ErrNotAJob is a process that lacks [request.GitHubURL] or [request.GitHubToken].
var ErrNotAJob = errors.New("this is no GitHub Actions job that may ask for a token: its workflow needs \"permissions: id-token: write\"")

// Token asks for a token for an audience, in the way that "Security hardening with OpenID
// Connect" in GitHub's documentation describes. The token lasts some minutes and works for one
// audience; it is a secret.
func Token(ctx context.Context, transport http.RoundTripper, requestURL, requestToken, audience string) (string, error) {
	if requestURL == "" || requestToken == "" {
		return "", ErrNotAJob
	}
	u, err := url.Parse(requestURL)
	if err != nil || u.Host == "" {
		return "", errors.New(request.GitHubURL + " is not a URL")
	}
	q := u.Query()
	q.Set("audience", audience)
	u.RawQuery = q.Encode()
	var out struct {
		Value string `json:"value"`
	}
	req := oauth.Request{Method: http.MethodGet, URL: u.String(), Header: map[string]string{"Authorization": "Bearer " + requestToken}}
	if err := req.Do(ctx, transport, &out); err != nil {
		return "", err
	}
	if out.Value == "" {
		return "", errors.New("GitHub's answer has no token")
	}
	return out.Value, nil
}
