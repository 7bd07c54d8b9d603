package broker

import (
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/token"
)

// A key has in it what the files say that a source, a token or an assertion depends on. What was got with other content,
// since they were changed meanwhile, is somebody's whom the key does not name.

// asObserved reports whether all that p's own key was observed of is as it was.
func (p *Provider) asObserved() bool {
	if p.base != nil {
		return true
	}
	now, env := *p.req, p.opts.Env
	env.Reading, env.Seen = nil, nil // they are about what was loaded
	settings.Observe(&now, env)
	return request.KeyOf(&now).String() == p.key.String()
}

// unstored is the error of a fetch whose token is not of the key that it would be kept under: the call has it all the same.
type unstored struct{ token.Token }

func (unstored) Error() string        { return "what this depends on changed meanwhile" }
func (unstored) FailureKind() string  { return string(failure.Internal) }
func (unstored) FailureFinal() bool   { return false }
func (unstored) FailurePrivate() bool { return true }
