package settings

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// Observe looks up the subjects of the documents that r, and what it is based on, is made
// with, and writes them into r. [Load] has done it. A document that cannot be read has none:
// the call to STS will say what is wrong.
func Observe(r *request.Request, env Environment) {
	for ; r != nil; r = r.Base {
		r.WebIdentitySubject = env.subject(r.WebIdentityTokenFile, request.MaxIdentityToken, request.TokenSubject)
		if r.WebIdentityIssuer == request.GitHub {
			r.WebIdentitySubject = env.gitHubJob()
		}
		r.SAMLSubject = env.subject(r.SAMLAssertionFile, request.MaxAssertion+2, request.AssertionSubject)
		if r.Source.Kind == request.SourceContainer {
			r.Source.Subject = env.containerSubject()
		}
		r.ObservedFiles = nil
		switch r.Source.Kind {
		case request.SourceProcess, request.SourceCommand:
			r.Source.Observed, r.ObservedFiles = env.command(r.Source.Command, env.homeOfCommands(r.CacheDir))
		}
		r.Observed = ""
		if line := cmp.Or(r.SAMLAssertionCommand, r.WebIdentityTokenCommand); line != "" {
			var files []string
			r.Observed, files = env.command(line, env.homeOfCommands(r.CacheDir))
			r.ObservedFiles = append(r.ObservedFiles, files...)
		}
		if l := r.Source.Login; l != nil {
			env.look(l.File, MaxLookedAt)
		}
		if c := r.Source.Certificate; c != nil {
			r.Source.Subject = hash(env.look(c.File, MaxLookedAt))
		}
	}
}

// MaxLookedAt bounds a login's file and a certificate's, in bytes.
const MaxLookedAt = 1 << 20

// look reads a file for what depends on its content; nil where it cannot be read.
func (e Environment) look(path string, limit int64) []byte {
	e.reading(path)
	data, info, err := safefile.Read(path, limit)
	e.seen(path, data, info, err)
	if err != nil {
		return nil
	}
	return data
}

// hash is the hex SHA-256 of what was read, "" for nothing.
func hash(data []byte) string {
	if data == nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// gitHubJob stands for a job of GitHub Actions by what no two jobs have in common, "" outside
// of one: jobs of several repositories may follow one another on a machine.
func (e Environment) gitHubJob() string {
	url, token := e.Getenv(request.GitHubURL), e.Getenv(request.GitHubToken)
	if url == "" || token == "" {
		return ""
	}
	return hash([]byte(url + "\x00" + token))
}

func (e Environment) subject(path string, limit int64, of func([]byte) string) string {
	if path == "" {
		return ""
	}
	if data := e.look(path, limit); data != nil {
		return of(data)
	}
	return ""
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
