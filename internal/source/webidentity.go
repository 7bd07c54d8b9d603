package source

import (
	"context"
	"errors"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/source/github"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
)

// WebIdentityToken gets the token of r, anew for each request: from a file, from a command that
// prints it, which is run without a shell, or from the issuer.
func WebIdentityToken(ctx context.Context, r *request.Request, o Options) (string, error) {
	switch {
	case r.WebIdentityIssuer == request.GitHub:
		return gitHubToken(ctx, r, o)
	case r.WebIdentityTokenCommand != "":
		out, name, err := output(ctx, assertionTimeout, o.Chain, "web identity token command", r.WebIdentityTokenCommand, request.MaxIdentityToken)
		if err != nil {
			return "", err
		}
		jwt := strings.TrimSpace(string(out))
		if jwt == "" || strings.ContainsAny(jwt, " \t\r\n") {
			return "", failure.Sourcef(nil, "the web identity token command %s printed no token", name).Do("it must print the token and nothing else")
		}
		return jwt, nil
	}
	return document("web identity token", r.WebIdentityTokenFile, request.MaxIdentityToken, r.WebIdentitySubject, request.TokenSubject)
}

// gitHubToken asks GitHub Actions, for the audience that AWS's own action asks for.
func gitHubToken(ctx context.Context, r *request.Request, o Options) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	url := o.Getenv(request.GitHubURL)
	if what, _ := awsname.CheckEndpoint(strings.SplitN(url, "?", 2)[0], false); url != "" && what != "" {
		return "", failure.Configf("%s %s", request.GitHubURL, what)
	}
	jwt, err := github.Token(ctx, oauth.NewTransport(o.CABundle), url, o.Getenv(request.GitHubToken), github.Audience(awsname.PartitionOf(r.Region)))
	switch {
	case err == nil:
		return jwt, nil
	case errors.Is(err, github.ErrNotAJob):
		return "", failure.Sourcef(err, "GitHub Actions was not asked for a web identity token: %v", err)
	case refused(err):
		return "", failure.Sourcef(err, "GitHub Actions refused a web identity token: %s", reason(err)).Do("a job's token ends with the job")
	}
	return "", &failure.Error{Class: failure.Unreachable, Err: err, Text: "GitHub Actions gave no web identity token: " + reason(err), Busy: tooMany(err)}
}

// document reads a file with a document whose subject was observed when the key was made. One
// that is about another subject now is refused: its token would be kept, and served, under the
// wrong key.
func document(what, file string, limit int64, observed string, subject func([]byte) string) (string, error) {
	data, _, err := safefile.Read(file, limit)
	if err != nil {
		return "", failure.Sourcef(err, "the %s %s cannot be read: %s", what, display.Safe(file), display.Innermost(err))
	}
	if subject(data) != observed {
		e := failure.Sourcef(nil, "%s is about another subject than when this began", display.Quote(file)).Do("run it again, or reload the server")
		e.Final, e.Private = false, true
		return "", e
	}
	return strings.TrimSpace(string(data)), nil
}
