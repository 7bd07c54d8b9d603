package broker

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// maxBasis bounds the files that a failure is compared by, in bytes.
const maxBasis = 8 << 20

// ways are the variables that decide how AWS is reached, with what keys, and which programs are found.
var ways = [...]string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "AWS_CA_BUNDLE",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_EC2_METADATA_DISABLED", "PATH",
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"}

// basis stands for what a failure may have been due to and the user may have corrected since: the
// files that define the source, the login, documents, keys and proxies in variables.
func (p *Provider) basis() string {
	h := sha256.New()
	for _, name := range ways {
		fmt.Fprintf(h, "%s %q\n", name, p.opts.Env.Getenv(name))
	}
	files := []string{p.opts.Env.Getenv("AWS_CA_BUNDLE"), p.opts.Env.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")}
	for r := p.req; r != nil; r = r.Base {
		files = append(files, sourceFiles(r)...)
	}
	for _, path := range files {
		if path != "" {
			fmt.Fprintf(h, "%q ", path)
			_, err := safefile.Copy(h, path, maxBasis)
			fmt.Fprintln(h, err != nil)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sourceFiles are the files that r, apart from its base, is made with.
func sourceFiles(r *request.Request) []string {
	s := r.Source
	files := []string{r.WebIdentityTokenFile, r.SAMLAssertionFile, r.CABundle, s.ConfigFile, s.CredentialsFile}
	if s.Login != nil {
		files = append(files, s.Login.File)
	}
	if s.Stored != nil {
		files = append(files, s.Stored.File)
	}
	if c := s.Certificate; c != nil {
		files = append(files, c.File, c.KeyFile, c.ChainFile)
	}
	return files
}
