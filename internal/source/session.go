package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source/awslogin"
	"github.com/sts-helper/sts-helper/internal/source/identitycenter"
	"github.com/sts-helper/sts-helper/internal/source/loginfile"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/token"
)

const (
	// refreshUnder is the life below which a login is refreshed: when botocore and the SDK for
	// JavaScript refresh one of "aws login", and the advisory window of its 15 minutes.
	refreshUnder = 5 * time.Minute
	// useUnder is the life down to which a login that cannot be refreshed is used, as a token is.
	useUnder = cache.HardFloor
	// refreshTime bounds a refresh. One that has begun is finished, whatever becomes of the
	// call: the answer to a token that works once must reach the disk. Of this refreshGrace is
	// given at the end, whatever the time: a process that was stopped meanwhile finds the answer.
	refreshTime  = 15 * time.Second
	refreshGrace = 2 * time.Second

	// lockWait is how long a call waits for a process that refreshes the same login, and
	// LoginWait, from the call's beginning on, for one in which the user is logging in: SDKs end a
	// credential_process after 60 s, and AWS needs its share.
	lockWait  = 18 * time.Second
	LoginWait = 50 * time.Second
)

// session is the login of one kind behind a source. Its file is AWS's, and its lock is ours:
// beside the file, so that it is one whatever cache the processes use.
type session[L loginfile.Login] struct {
	def     request.Source
	options Options
	kind    string // "IAM Identity Center"
	command string // of the AWS CLI, "aws sso login"
	read    func(path string) (L, error)
	// refreshable reports whether a refresh can be tried, as far as can be known without asking.
	refreshable func(L) bool
	refresh     func(ctx context.Context, path string, left time.Duration) (L, bool, error)
}

func (s session[L]) file() string { return s.def.Login.File }

func (s session[L]) holder() lock.Holder {
	return lock.Holder{Purpose: "the login of " + s.def.Profile}
}

// errServed ends a wait for the lock when the login serves as it is.
var errServed = errors.New("served")

// errWaited ends a wait for the lock that took too long.
var errWaited = errors.New("the lock was not to be had in time")

// usable gives a login that lasts: as it is, else refreshed under the lock by one process of
// all. Where that fails and the login is valid still, it is usable, and the error says why it is
// not refreshed.
func (s session[L]) usable(ctx context.Context) (l L, usable bool, err error) {
	l, err = s.read(s.file())
	if err == nil && l.Valid(time.Now(), refreshUnder) {
		return l, true, nil
	}
	if err == nil && !s.refreshable(l) {
		err = loginfile.ErrEnded
		if l.Valid(time.Now(), useUnder) {
			return l, true, s.failed(err)
		}
	}
	// A login in progress is waited for.
	if err != nil && (!LoginNeeded(err) || !s.loggingIn()) {
		return l, false, s.failed(err)
	}
	held, other, err := s.lock(ctx, cache.Mandatory)
	if err == nil && held == nil {
		return other, true, nil
	}
	if err != nil {
		if now, rerr := s.read(s.file()); rerr == nil && now.Valid(time.Now(), useUnder) {
			return now, true, err
		}
		return l, false, err
	}
	defer held.Release()
	return s.renewed(ctx)
}

// renewed is the login, refreshed where that is due, as usable says. The lock is held.
func (s session[L]) renewed(ctx context.Context) (l L, usable bool, err error) {
	bounded, cancel := withGrace(context.WithoutCancel(ctx), refreshTime-refreshGrace, refreshGrace)
	defer cancel()
	l, usable, err = s.refresh(bounded, s.file(), refreshUnder)
	if err != nil {
		err = s.failed(err)
	}
	return l, usable, err
}

// withGrace is a context that ends grace after limit has been found to be over.
func withGrace(ctx context.Context, limit, grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	first := time.AfterFunc(limit, func() {
		time.AfterFunc(grace, func() { end(context.DeadlineExceeded) })
	})
	return ctx, func() { first.Stop(); end(nil) }
}

// NotRefreshed is the error of a fetch that found a login which is valid still, but could not be
// refreshed. It has the credentials, for who has no others.
type NotRefreshed struct {
	Credentials token.Credentials
	From        State
	Err         error // why it could not
}

func (e *NotRefreshed) Error() string { return e.Err.Error() }

// Unwrap gives what went wrong.
func (e *NotRefreshed) Unwrap() error { return e.Err }

// state is what Observe says where the file is as l has it.
func (s session[L]) state(l L) State {
	return LoginIn(s.options.Cache, s.file(), l.Text().Bytes())
}

// Observe says which login there is.
func (s session[L]) Observe() (State, error) {
	state, err := LoginOf(s.options.Cache, s.file())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return state, s.failed(loginfile.ErrNotLoggedIn)
	case err != nil:
		return state, s.failed(err)
	}
	return state, nil
}

// LoginNeeded reports whether only a login of the user's can cure what is wrong.
func LoginNeeded(err error) bool {
	return errors.Is(err, loginfile.ErrNotLoggedIn) || errors.Is(err, loginfile.ErrEnded) || errors.Is(err, loginfile.ErrDamaged) ||
		errors.Is(err, identitycenter.ErrOtherPortal)
}

// lock takes the login's lock. While another process has it the file is read again, since that
// one may refresh the login, or the user may be logging in: a login that lasts longer than left
// is given without the lock.
func (s session[L]) lock(ctx context.Context, left time.Duration) (held *lock.Held, l L, err error) {
	path, err := loginfile.LockPath(s.file())
	if err != nil {
		return nil, l, s.noLock(err)
	}
	began, asked := time.Now(), false
	held, err = lock.Acquire(ctx, path, s.holder(), func() error {
		if now, err := s.read(s.file()); err == nil && now.Valid(time.Now(), left) {
			l = now
			return errServed
		}
		limit := cmp.Or(s.options.Wait, lockWait)
		if who, ok := lock.ReadHolder(path); ok && who.Asking {
			limit = max(limit, cmp.Or(s.options.LoginWait, LoginWait))
			if !asked {
				asked = true
				cache.Asking(ctx) // callers that wait for this one wait for the user
			}
		}
		if time.Since(began) > limit {
			return errWaited
		}
		return nil
	})
	switch {
	case err == nil:
		return held, l, nil
	case errors.Is(err, errServed):
		return nil, l, nil
	case errors.Is(err, lock.ErrUnavailable):
		return nil, l, s.noLock(err)
	case !errors.Is(err, errWaited) && !errors.Is(err, context.DeadlineExceeded):
		return nil, l, err // stopped
	}
	who, _ := lock.ReadHolder(path)
	if who.Asking {
		return nil, l, &cache.HeldError{Holder: who, Waited: time.Since(began)}
	}
	e := s.noLock(fmt.Errorf("%s has it", display.Safe(who.String())))
	e.Private = time.Since(began) < cache.DefaultWait // others may wait for longer
	return nil, l, e
}

func (s session[L]) noLock(err error) *failure.Error {
	return &failure.Error{Class: failure.Unreachable, Err: err, Text: fmt.Sprintf(
		"the login of %s (%s) has to be refreshed, which is never done without its lock: %s", Describe(s.def), s.kind, display.Safe(err.Error()))}
}

// loggingIn reports whether the user is logging in at this moment.
func (s session[L]) loggingIn() bool {
	path := loginfile.LockName(s.file())
	who, ok := lock.ReadHolder(path)
	if !ok || !who.Asking {
		return false
	}
	held, err := lock.Try(path, s.holder())
	if err == nil {
		held.Release()
	}
	return errors.Is(err, lock.ErrBusy)
}

// failed gives an error of the leaf packages its class, and the line to run.
func (s session[L]) failed(err error) error {
	what := ""
	switch {
	case errors.Is(err, loginfile.ErrNotLoggedIn):
		what = "is not logged in to " + s.kind
	case errors.Is(err, loginfile.ErrEnded):
		what = "needs a new login: that to " + s.kind + " has ended"
	case errors.Is(err, loginfile.ErrDamaged):
		what = "needs a new login: " + display.Safe(s.file()) + " is damaged"
	case errors.Is(err, identitycenter.ErrOtherPortal):
		what = "needs a new login: " + display.Safe(err.Error()) + " than its settings name"
	case errors.Is(err, awslogin.ErrPermissions):
		return &failure.Error{Class: failure.Denied, Err: err, Final: true, Text: fmt.Sprintf(
			"the login of %s cannot be refreshed: %s", Describe(s.def), display.Safe(err.Error())),
			Next: "an administrator can attach the policy SignInLocalDevelopmentAccess"}
	case errors.Is(err, identitycenter.ErrNoAccess):
		return &failure.Error{Class: failure.Denied, Err: err, Final: true, Text: fmt.Sprintf("%s: IAM Identity Center refused: %s", Describe(s.def), reason(err)),
			Next: "check sso_account_id and sso_role_name, or ask for the assignment"}
	default:
		e := failure.Sourcef(err, "%s: %s gave no credentials: %s", Describe(s.def), s.kind, reason(err))
		e.Class, e.Final = failure.Unreachable, false
		if !oauth.Spent(err) {
			e.Class, e.Final = failure.Denied, true
		}
		return e
	}
	// What the file says every process can see for itself; what AWS said is shared.
	_, asked := errors.AsType[*oauth.Error](err)
	return &failure.Error{Class: failure.InteractionRequired, Err: err, Final: true, Private: !asked, Run: loginCommand(s.def),
		Text: Describe(s.def) + " " + what,
		Next: "log in (" + s.command + " --profile " + display.ShellWord(s.def.Profile) + " does the same)"}
}

// reason is what AWS said, or the cause of a connection that failed.
func reason(err error) string {
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		return e.Error()
	}
	return display.Cause(err)
}

// loginCommand is the line that logs in to a source's login.
func loginCommand(def request.Source) string {
	return "sts-helper login " + display.ShellWord(def.Profile)
}

// identityCenter are the credentials of a role that IAM Identity Center assigns to a user.
type identityCenter struct {
	session[*identitycenter.Login]
	service identitycenter.Service
	asked   identitycenter.Session
}

const userAgent = "sts-helper"

func newIdentityCenter(def request.Source, o Options) identityCenter {
	l := def.Login
	asked := identitycenter.Session{Name: l.SessionName, StartURL: l.StartURL, Region: l.Region, Scopes: l.Scopes}
	svc := identitycenter.Service{Transport: oauth.NewTransport(o.CABundle), UserAgent: userAgent, Refreshed: o.refreshed(l.File)}
	portal, oidc := identitycenter.Endpoints(l.Region)
	svc.Portal, svc.OIDC = cmp.Or(strings.TrimSuffix(l.Portal, "/"), portal), cmp.Or(strings.TrimSuffix(l.OIDC, "/"), oidc)
	return identityCenter{service: svc, asked: asked, session: session[*identitycenter.Login]{
		def: def, options: o, kind: "IAM Identity Center", command: "aws sso login", read: asked.Read,
		refreshable: func(l *identitycenter.Login) bool { return l.Refreshable(time.Now()) },
		refresh: func(ctx context.Context, path string, left time.Duration) (*identitycenter.Login, bool, error) {
			if l, err := asked.Read(path); errors.Is(err, identitycenter.ErrOtherPortal) {
				return l, false, err
			}
			s := svc
			s.Transport = unlimited(o)
			return identitycenter.Refresh(ctx, s, path, left)
		},
	}}
}

// unlimited is a transport without a limit of its own on an answer.
func unlimited(o Options) *http.Transport {
	t := oauth.NewTransport(o.CABundle)
	t.ResponseHeaderTimeout = 0
	return t
}

// refreshed notes refreshes of a login's file.
func (o Options) refreshed(file string) func(before, after []byte) {
	return func(before, after []byte) { Refreshed(o.Cache, file, before, after) }
}

// awsLogin are the credentials of a session of "aws login".
type awsLogin struct {
	session[*awslogin.Login]
	service awslogin.Service
}

func newAWSLogin(def request.Source, o Options) awsLogin {
	svc := awslogin.Service{Transport: oauth.NewTransport(o.CABundle), Region: def.Login.Region, Endpoint: awslogin.Endpoint, UserAgent: userAgent, Refreshed: o.refreshed(def.Login.File)}
	if e := strings.TrimSuffix(def.Login.SignIn, "/"); e != "" {
		svc.Endpoint = func(string) string { return e }
	}
	return awsLogin{service: svc, session: session[*awslogin.Login]{
		def: def, options: o, kind: "AWS", command: "aws login", read: awslogin.Read, refreshable: (*awslogin.Login).Refreshable,
		refresh: func(ctx context.Context, path string, left time.Duration) (*awslogin.Login, bool, error) {
			s := svc
			s.Transport = unlimited(o)
			return awslogin.Refresh(ctx, s, path, left)
		},
	}}
}

// dir is where the login's file is.
func (s session[L]) dir() string { return filepath.Dir(s.file()) }
