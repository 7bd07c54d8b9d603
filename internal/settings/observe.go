package settings

import (
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// Observe looks up the subjects of the documents that r, and what it is based on, is made
// with, and writes them into r. [Load] has done it. A document that cannot be read has none:
// the call to STS will say what is wrong.
func Observe(r *request.Request, env Environment) {
	for ; r != nil; r = r.Base {
		r.WebIdentitySubject = env.subject(r.WebIdentityTokenFile, request.MaxIdentityToken, request.TokenSubject)
		r.SAMLSubject = env.subject(r.SAMLAssertionFile, request.MaxAssertion+2, request.AssertionSubject)
		if r.Source.Kind == request.SourceContainer {
			r.Source.Subject = env.containerSubject()
		}
	}
}

func (e Environment) subject(path string, limit int64, of func([]byte) string) string {
	if path == "" {
		return ""
	}
	e.reading(path)
	data, info, err := safefile.Read(path, limit)
	e.seen(path, data, info, err)
	if err != nil {
		return ""
	}
	return of(data)
}

// containerSubject is the subject of the token that the container's credentials endpoint is
// asked with: endpoint and token file have the same names in every pod.
func (e Environment) containerSubject() string {
	if file := e.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
		return e.subject(file, request.MaxIdentityToken, request.TokenSubject)
	}
	if token := e.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"); token != "" {
		return request.TokenSubject([]byte(token))
	}
	return ""
}
