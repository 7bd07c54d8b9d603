// Package source gets the credentials that sign requests from where they come from, and the
// documents (a web identity token, a SAML assertion) that take their place. It caches
// nothing: a source is fetched when its record is due (package broker). On an ordinary hit it
// is observed at most, which asks no service.
//
// What a source is, by which it is told from others, is a [request.Source], which is pure; its
// inputs are part of a token's key. A [Source] is the same as something that can be fetched.
package source

import (
	"context"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/token"
)

// timeout is how long one fetch may take: another helper, a portal.
const timeout = 20 * time.Second

// Source is where credentials come from.
type Source interface {
	// Fetch gets the credentials anew. Its errors are classified (package failure): the
	// [failure.Source] class where the source gave none, one line that names the source and
	// holds no secret.
	Fetch(ctx context.Context) (token.Credentials, error)
	// FetchFrom is Fetch with what Observe said when the login was read that the credentials come from: another one may
	// have been there before, and after.
	FetchFrom(ctx context.Context) (token.Credentials, State, error)
	// Observe says what can be seen of the source without asking it. Its errors are classified:
	// where the user is logged out nothing that was made from the source is handed out.
	Observe() (State, error)
}

// fetcher is a source of one kind. One that has something to observe is an observer, too.
type fetcher interface {
	Fetch(ctx context.Context) (token.Credentials, error)
}

type observer interface {
	FetchFrom(ctx context.Context) (token.Credentials, State, error)
	Observe() (State, error)
}

// Options are what a source takes from outside of its definition.
type Options struct {
	Region string // for the services that the SDK asks
	// Getenv gives variables of the environment. Required.
	Getenv func(name string) string
	// Chain is handed to the programs that are started.
	Chain Chain
	// Cache is where logins are locked, and what is known of them is kept; nil for none.
	Cache *cache.Cache
	// Wait is how long another process is waited for that has the lock of a login, and LoginWait one in which
	// the user is logging in; 0 for the usual time.
	Wait, LoginWait time.Duration
	// Unattended says that the user is not asked for anything, and Login what they are told to run then.
	Unattended bool
	Login      string
	// CABundle are the certificates, PEM, that are trusted where AWS is asked; nil means the
	// system's.
	CABundle []byte
}

// New is the source that def defines: fetched within [timeout], unless the user is logging in, and refused where it gives
// other credentials than def names. It is nil where def is [request.SourceNone].
func New(def request.Source, o Options) Source {
	s := checked{def: def}
	switch def.Kind {
	case request.SourceNone:
		return nil
	case request.SourceEnvironment:
		s.fetcher = environment{o.Getenv}
	case request.SourceStatic:
		s.fetcher = static{def}
	case request.SourceProcess:
		s.fetcher = process{def, o.Chain}
	case request.SourceCommand:
		s.fetcher = command{def, o.Chain}
	case request.SourceCertificate:
		s.fetcher = certificate{def, o}
	case request.SourceKey:
		s.fetcher = stored{def, o}
	case request.SourceSSO:
		s.fetcher = newIdentityCenter(def, o)
	case request.SourceLogin:
		s.fetcher = newAWSLogin(def, o)
	default:
		s.fetcher = resolved{def, o.Region, o.Getenv}
	}
	return s
}

type checked struct {
	fetcher
	def request.Source
}

func (s checked) Observe() (State, error) {
	if o, ok := s.fetcher.(observer); ok {
		return o.Observe()
	}
	return State{}, nil
}

func (s checked) Fetch(ctx context.Context) (token.Credentials, error) {
	c, _, err := s.FetchFrom(ctx)
	return c, err
}

func (s checked) FetchFrom(ctx context.Context) (c token.Credentials, from State, err error) {
	if s.def.Login == nil && s.def.Stored == nil { // they know what they wait for
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	if o, ok := s.fetcher.(observer); ok {
		c, from, err = o.FetchFrom(ctx)
	} else {
		c, err = s.fetcher.Fetch(ctx)
	}
	if err == nil {
		err = s.check(c)
	}
	if err != nil {
		return token.Credentials{}, State{}, err
	}
	return c, from, nil
}

// check refuses what is not what was asked for.
func (s checked) check(c token.Credentials) error {
	if !c.HasKeys() {
		return failure.Sourcef(nil, "%s gave no access key", Describe(s.def))
	}
	if what := broken(c); what != "" {
		return failure.Sourcef(nil, "%s gave credentials that no program can use: %s", Describe(s.def), what)
	}
	if id := s.def.AccessKeyID; id != "" && c.AccessKeyID != id {
		return failure.Sourcef(nil, "the keys of %s changed while they were read (%s, then %s)", Describe(s.def), id, c.AccessKeyID).Do("try again")
	}
	return nil
}

// broken says what is wrong with temporary credentials that are the answer as they are, "" where nothing is. What a
// long-term key looks like STS decides, which makes a session of it.
func broken(c token.Credentials) string {
	switch {
	case !c.Temporary():
	case c.SessionToken == "":
		return "a temporary access key without its session token"
	case !token.ValidSecret(c.SessionToken):
		return "the session token has characters that none has, or too many of them"
	case !token.ValidSecret(c.SecretAccessKey):
		return "the secret access key has characters that none has, or too many of them"
	case c.AccountID != "" && !token.ValidAccountID(c.AccountID):
		return "the account id is not twelve digits"
	}
	return ""
}

// Describe names a source as its owner would.
func Describe(s request.Source) string {
	switch s.Kind {
	case request.SourceEnvironment:
		return "the environment (AWS_ACCESS_KEY_ID)"
	case request.SourceContainer:
		return "the container credentials endpoint"
	case request.SourceInstance:
		return "the instance metadata service"
	case request.SourceDefault:
		return "the default credential chain"
	case request.SourceKey:
		return "the stored key " + display.Quote(s.Stored.Name)
	case request.SourceCommand:
		return "the source command"
	case request.SourceCertificate:
		return "IAM Roles Anywhere"
	}
	return "AWS profile " + display.Quote(s.Profile)
}
