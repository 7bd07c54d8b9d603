package broker

import (
	"io/fs"
	"slices"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/token"
)

// A key has in it what the files say that a source, a token or an assertion depends on. What was got with other content,
// since they were changed meanwhile, is of a user whom the key does not name.

// watch begins to watch what p's own key was observed of. still reports whether all of it is as the key says, and was
// all the while: a file that was another one and is the first one again has another time, or is another file.
func (p *Provider) watch() (still func() bool) {
	if p.base != nil {
		return func() bool { return true }
	}
	look := func() (key string, files []fs.FileInfo) {
		now, env := *p.req, p.opts.Env
		env.Reading, env.Seen = nil, nil // they are about what was loaded
		settings.Observe(&now, env)
		names := append(now.ObservedFiles, env.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"))
		if c := now.Source.Certificate; c != nil {
			names = append(names, c.File)
		}
		for _, name := range names {
			info, _ := safefile.StatPath(name) // nil for none
			files = append(files, info)
		}
		return request.KeyOf(&now).String(), files
	}
	_, before := look()
	return func() bool {
		key, now := look()
		return key == p.key.String() && slices.EqualFunc(before, now, safefile.Unchanged)
	}
}

// unstored is the error of a fetch whose token is not of the key that it would be kept under: the call has it all the same.
type unstored struct {
	ownCall
	token.Token
}

func (unstored) Error() string { return "what this depends on changed meanwhile" }
