package source

import (
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// WebIdentityToken reads the token in the file of r, anew for each request.
func WebIdentityToken(r *request.Request) (string, error) {
	return document("web identity token", r.WebIdentityTokenFile, request.MaxIdentityToken, r.WebIdentitySubject, request.TokenSubject)
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
