package source

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source/awslogin"
	"github.com/sts-helper/sts-helper/internal/source/identitycenter"
	"github.com/sts-helper/sts-helper/internal/source/loginfile"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
	"github.com/sts-helper/sts-helper/lock"
)

// loginTime is how long the user has for a login.
const loginTime = 10 * time.Minute

// Ask is how the user takes part in a login.
type Ask struct {
	// AnyDevice is a login by a code, in a browser on any device; otherwise the browser is on
	// this machine.
	AnyDevice bool
	// Show shows the user where to go on.
	Show func(Page)
	// Read gets the code that the page of an "aws login" on another device shows.
	Read func(context.Context) (string, error)
	// Waiting is told of another process in which the user logs in already, or that takes more
	// than a second to refresh the login.
	Waiting func(lock.Holder)
	// Never forbids to ask the user: a login that is needed is an error.
	Never bool
	// TTY is the terminal that the user sits at, for other processes' messages.
	TTY string
}

// Page is where a login goes on.
type Page struct {
	URL string
	// Code is what the page asks for, "" where it is in the URL or nothing is asked; Plain is the
	// page without it then, for a device on which a long URL cannot be pasted.
	Code, Plain string
	Until       time.Time // the user has until then
}

// Login is the login behind a source.
type Login interface {
	// Needed says why the user has to log in, "" where they need not.
	Needed() string
	// Login lets the user log in, unless there is a login that lasts or can be refreshed; by
	// force in any case. renewed is false where nothing had to be done. A login that another
	// process brings meanwhile will do.
	Login(ctx context.Context, ask Ask, force bool) (renewed bool, err error)
	// Logout ends the login at AWS, as far as AWS knows of it, and removes its file. It reports
	// whether there was one.
	Logout(ctx context.Context) (existed bool, err error)
	// Kind is what the user logs in to.
	Kind() string
}

// NewLogin is the login behind a source, nil where there is none.
func NewLogin(def request.Source, o Options) Login {
	switch def.Kind {
	case request.SourceSSO:
		return newIdentityCenter(def, o)
	case request.SourceLogin:
		return newAWSLogin(def, o)
	}
	return nil
}

func (s session[L]) Kind() string { return s.kind }

func (s session[L]) Needed() string {
	l, err := s.read(s.file())
	switch {
	case errors.Is(err, loginfile.ErrNotLoggedIn):
		return "not logged in to " + s.kind
	case errors.Is(err, identitycenter.ErrOtherPortal):
		return "its login to " + s.kind + " is to another start URL"
	case err != nil:
		return "its login cannot be read"
	case !l.Valid(time.Now(), useUnder) && !s.refreshable(l):
		return "its login to " + s.kind + " has ended"
	}
	return ""
}

// login does what [Login] says. interactive has the user log in, and gives what writes it down.
func (s session[L]) login(ctx context.Context, ask Ask, force bool, interactive func(context.Context) (save func() error, err error)) (bool, error) {
	path, err := loginfile.LockPath(s.file())
	if err != nil {
		return false, s.cannotKeep(err)
	}
	first, _ := s.content()
	said, began := 0, time.Now()
	held, err := lock.Acquire(ctx, path, s.holder(), func() error {
		if l, err := s.read(s.file()); err == nil && l.Valid(time.Now(), refreshUnder) && (!force || string(l.Text().Bytes()) != first) {
			return errServed
		}
		if who, ok := lock.ReadHolder(path); ok && who.PID != said && (who.Asking || time.Since(began) > time.Second) {
			said = who.PID
			ask.Waiting(who)
		}
		return nil
	})
	switch {
	case errors.Is(err, errServed):
		return false, nil
	case errors.Is(err, lock.ErrUnavailable):
		return false, s.cannotKeep(err)
	case err != nil:
		return false, err
	}
	defer held.Release()
	now, there := s.content()
	if !force || there && now != first {
		_, usable, err := s.renewed(ctx)
		if !LoginNeeded(err) {
			if usable {
				err = nil // it serves still
			}
			return false, err
		}
	}
	if ask.Never {
		return false, failure.Interactionf(nil, loginCommand(s.def), "%s needs a login, and the user may not be asked", Describe(s.def))
	}
	who := s.holder()
	who.Asking, who.TTY = true, ask.TTY
	held.Describe(who)
	asking, cancel := context.WithTimeoutCause(ctx, loginTime, identitycenter.ErrTimeout)
	defer cancel()
	save, err := interactive(asking)
	if err != nil {
		return false, s.notLoggedIn(ctx, err)
	}
	if err := save(); err != nil {
		return false, s.cannotKeep(err)
	}
	return true, nil
}

// content is the login's file as it is.
func (s session[L]) content() (string, bool) {
	l, err := s.read(s.file())
	if err != nil {
		return "", false
	}
	return string(l.Text().Bytes()), true
}

func (s session[L]) cannotKeep(err error) error {
	return &failure.Error{Class: failure.Configuration, Err: err, Final: true,
		Text: fmt.Sprintf("the login of %s cannot be kept in %s: %s", Describe(s.def), display.Safe(filepath.Dir(s.file())), display.Innermost(err))}
}

// notLoggedIn gives the error of a login that came to nothing its class. ctx is that of the call.
func (s session[L]) notLoggedIn(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*failure.Error](err); ok {
		return e // the user could not go on
	}
	e := &failure.Error{Class: failure.InteractionRequired, Err: err, Final: true, Run: loginCommand(s.def)}
	switch {
	case errors.Is(err, oauth.ErrRefused):
		e.Class, e.Run, e.Text = failure.Denied, "", fmt.Sprintf("the login of %s was refused in the browser; nothing has changed", Describe(s.def))
	case errors.Is(err, identitycenter.ErrTimeout):
		e.Text = fmt.Sprintf("the login of %s was not finished in time; nothing has changed", Describe(s.def))
	case errors.Is(err, awslogin.ErrPasted):
		e.Text = fmt.Sprintf("the login of %s: %v", Describe(s.def), err)
	case errors.Is(err, errOther):
		e.Class, e.Run, e.Text = failure.Denied, "", fmt.Sprintf("the login of %s: %v", Describe(s.def), err)
		e.Next = "log in as that one, or run: aws login --profile " + display.ShellWord(s.def.Profile)
	case errors.Is(err, loginfile.ErrEnded):
		e.Text = fmt.Sprintf("the login of %s: AWS refused it: %s", Describe(s.def), reason(err))
	default:
		e.Class, e.Final, e.Run, e.Busy = failure.Unreachable, false, "", tooMany(err)
		if !oauth.Spent(err) {
			e.Class, e.Final = failure.Denied, true
		}
		e.Text = fmt.Sprintf("the login of %s failed: %s", Describe(s.def), reason(err))
	}
	return e
}

// Login implements the interface of that name.
func (s identityCenter) Login(ctx context.Context, ask Ask, force bool) (bool, error) {
	return s.login(ctx, ask, force, func(ctx context.Context) (func() error, error) {
		var grant *identitycenter.Grant
		var err error
		if ask.AnyDevice {
			grant, err = s.service.LoginDevice(ctx, s.dir(), s.asked, func(p identitycenter.Prompt) {
				ask.Show(Page{URL: p.FullURL, Code: p.UserCode, Plain: p.URL, Until: p.Expires})
			})
		} else {
			grant, err = s.service.LoginBrowser(ctx, s.dir(), s.asked, showUntil(ctx, ask))
		}
		return func() error { _, err := grant.Save(s.dir()); return err }, err
	})
}

// AssignedRoles lists what the user of a login of IAM Identity Center may enter.
func AssignedRoles(ctx context.Context, l Login) ([]identitycenter.Assigned, error) {
	s, ok := l.(identityCenter)
	if !ok {
		return nil, nil
	}
	login, _, err := s.usable(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*timeout) // many accounts are many requests
	defer cancel()
	all, err := s.service.AssignedRoles(ctx, login.AccessToken)
	if err != nil {
		return nil, s.failed(err)
	}
	return all, nil
}

// errOther is a login as another user than the profile's.
var errOther = errors.New("the browser is logged in as another identity")

// Login implements the interface of that name.
func (s awsLogin) Login(ctx context.Context, ask Ask, force bool) (bool, error) {
	return s.login(ctx, ask, force, func(ctx context.Context) (func() error, error) {
		var grant *awslogin.Grant
		var err error
		if ask.AnyDevice {
			grant, err = s.service.LoginPaste(ctx, showUntil(ctx, ask), ask.Read)
		} else {
			grant, err = s.service.LoginBrowser(ctx, showUntil(ctx, ask))
		}
		if err == nil && grant.LoginSession != s.def.Login.SessionARN {
			err = fmt.Errorf("%w: %s, and the profile's login_session is %s; nothing has changed", errOther, display.Safe(grant.LoginSession), display.Safe(s.def.Login.SessionARN))
		}
		return func() error { _, err := grant.Save(s.dir()); return err }, err
	})
}

// showUntil shows a page for as long as ctx lasts.
func showUntil(ctx context.Context, ask Ask) func(url string) {
	return func(url string) {
		until, _ := ctx.Deadline()
		ask.Show(Page{URL: url, Until: until})
	}
}

// Logout implements the interface [Login].
func (s identityCenter) Logout(ctx context.Context) (bool, error) {
	return s.logout(ctx, func() error { return identitycenter.Logout(ctx, s.service, s.file()) })
}

// Logout implements the interface [Login].
func (s awsLogin) Logout(ctx context.Context) (bool, error) {
	return s.logout(ctx, func() error { return awslogin.Logout(s.file()) })
}

func (s session[L]) logout(ctx context.Context, end func() error) (bool, error) {
	if _, err := s.read(s.file()); errors.Is(err, loginfile.ErrNotLoggedIn) {
		return false, nil
	}
	held, _, err := s.lock(ctx, time.Duration(1<<62)) // no login lasts that long
	if err != nil {
		return true, err
	}
	defer held.Release()
	if err := end(); err != nil {
		return true, &failure.Error{Class: failure.Unreachable, Err: err, Text: fmt.Sprintf("the logout of %s: %s", Describe(s.def), display.Safe(err.Error()))}
	}
	return true, nil
}
