package broker

import (
	"context"
	"log/slog"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source"
	"github.com/sts-helper/sts-helper/lock"
)

// What is logged at debug level before and after something else than STS is waited for: another process, a
// command, a portal. The attribute "for" says what.
const (
	Waiting = "waiting"
	Waited  = "waited"
)

// waitFor logs that what is waited for, and gives what logs the end of that.
func (p *Provider) waitFor(ctx context.Context, what string) (done func()) {
	p.opts.Log.DebugContext(ctx, Waiting, "for", what)
	return func() { p.opts.Log.DebugContext(ctx, Waited, "for", what) }
}

// waitForHolder logs that another process is waited for. Who it is, and whether it asks its user, is read when
// the line is shown. A login says so itself where a user is being asked.
func (p *Provider) waitForHolder(who func() (lock.Holder, bool)) {
	p.opts.Log.Debug(Waiting, "for", waitedHolder{who, p.opts.Login})
}

// waitedHolder is a process that is waited for, as a value of a log.
type waitedHolder struct {
	who   func() (lock.Holder, bool)
	login bool
}

// LogValue is the process, "" where it is left to others to say.
func (w waitedHolder) LogValue() slog.Value {
	who, ok := w.who()
	switch {
	case !ok:
		return slog.StringValue("another process")
	case who.Asking && w.login:
		return slog.StringValue("")
	case who.Asking:
		return slog.StringValue(display.Safe(who.String()) + "; answer there")
	}
	return slog.StringValue(display.Safe(who.String()))
}

// waitedSource is what is waited for where s is asked.
func waitedSource(s request.Source) string {
	switch s.Kind {
	case request.SourceSSO:
		return "IAM Identity Center, for " + source.Describe(s)
	case request.SourceLogin:
		return "the sign-in service of AWS, for " + source.Describe(s)
	case request.SourceProcess:
		return "the credential_process of " + source.Describe(s)
	}
	return source.Describe(s)
}

// waitForStore logs that the store of the system's is waited for that has the key of p's source; of no other source.
func (p *Provider) waitForStore(ctx context.Context) (done func()) {
	store := source.SystemStore(p.req.Source)
	if store == "" {
		return func() {}
	}
	return p.waitFor(ctx, store+", for "+source.Describe(p.req.Source))
}

// HeldBy is the process that holds the lock of what p's token is, or of what it is made from.
func (p *Provider) HeldBy() (lock.Holder, bool) {
	c, _ := p.Cache()
	for ; c != nil && p != nil; p = p.base {
		if who, held := c.HeldBy(p.key.String()); held {
			return who, true
		}
	}
	return lock.Holder{}, false
}

// waitedToken is the command or service that gives the token or assertion of r, "" where that is in a file or r
// takes none.
func waitedToken(r *request.Request) string {
	switch {
	case r.WebIdentityTokenCommand != "":
		return "the web identity token command"
	case r.WebIdentityIssuer != "":
		return "the web identity token of GitHub Actions"
	case r.SAMLAssertionCommand != "":
		return "the SAML assertion command"
	}
	return ""
}
