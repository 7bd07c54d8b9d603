// Package keystore keeps the secrets of long-term keys: in the system's own store, in the kernel's keyring, or in a
// file encrypted under a passphrase. Descriptions without secrets are beside them: see package storedkey. A store is
// asked when a key has to sign, and never by a call that finds its token.
package keystore

import (
	"context"
	"errors"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/storedkey"
	"github.com/sts-helper/sts-helper/token"
)

// timeout is how long a store may take: the user may be asked to unlock it, or for a passphrase.
const timeout = 45 * time.Second

// ErrNotFound is matched where a store does not have a key.
var ErrNotFound = errors.New("the store does not have it")

// Options are what a store takes.
type Options struct {
	// Dir is the directory of the descriptions. Required.
	Dir string
	// Getenv gives variables of the environment. Required.
	Getenv func(string) string
	// Unattended says that the user is not asked for a passphrase; Login is what they are told to run then.
	Unattended bool
	Login      string
}

// store is one of the stores. Its errors are phrases that go behind its name, or ErrNotFound.
type store interface {
	get(ctx context.Context, name, id string) (secret string, err error)
	set(ctx context.Context, name, id, secret string) error
	remove(ctx context.Context, name, id string) error
}

// Store is an open store.
type Store struct {
	kind storedkey.Store
	s    store
}

// Open gives the store of that kind. Nothing is asked of it yet.
func Open(kind storedkey.Store, o Options) *Store {
	s := &Store{kind: kind}
	switch kind {
	case storedkey.System:
		s.s = system{o}
	case storedkey.Kernel:
		s.s = kernel{}
	default:
		s.s = &file{Options: o}
	}
	return s
}

// Default is the system's own store where there is one, else the encrypted file.
func Default(o Options) storedkey.Store {
	if noSystemStore(o.Getenv) == "" {
		return storedkey.System
	}
	return storedkey.File
}

// Name is what a store is called.
func Name(kind storedkey.Store) string {
	switch kind {
	case storedkey.System:
		return systemName
	case storedkey.Kernel:
		return "the kernel's keyring"
	}
	return "the encrypted file"
}

// Get gives a key's secret. Its errors are classified, as are those of Set and Remove, and hold none.
func (s *Store) Get(ctx context.Context, name, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	secret, err := s.s.get(ctx, name, id)
	if err == nil && !token.ValidSecret(secret) {
		err = errors.New("has something else under its name")
	}
	if err != nil {
		return "", s.fail(err, name, id, "give the secret of")
	}
	return secret, nil
}

// Set keeps a key's secret, in the place of the one under the same name and id, and reads it again.
func (s *Store) Set(ctx context.Context, name, id, secret string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := s.s.set(ctx, name, id, secret)
	if err == nil {
		var back string
		if back, err = s.s.get(ctx, name, id); err == nil && back != secret {
			err = errors.New("gave another secret back")
		}
	}
	if err != nil {
		return s.fail(err, name, id, "keep")
	}
	return nil
}

// Remove deletes a key's secret; one that is not there is no error.
func (s *Store) Remove(ctx context.Context, name, id string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := s.s.remove(ctx, name, id); err != nil && !errors.Is(err, ErrNotFound) {
		return s.fail(err, name, id, "delete")
	}
	return nil
}

// fail is the error of a store.
func (s *Store) fail(err error, name, id, what string) error {
	if e, ok := errors.AsType[*failure.Error](err); ok {
		return e
	}
	where := Name(s.kind)
	switch {
	case errors.Is(err, ErrNotFound):
		e := failure.Sourcef(err, "%s has no secret for key %s (%s)", where, display.Quote(name), display.Safe(id))
		if s.kind == storedkey.Kernel {
			return e.Do("it keeps them until the machine restarts; add the key again: sts-helper keys add %s --replace", display.ShellWord(name))
		}
		return e.Do("add the key again: sts-helper keys add %s --replace", display.ShellWord(name))
	case errors.Is(err, context.DeadlineExceeded):
		return failure.Interactionf(err, "", "%s could not %s key %s: it did not answer within %s; is it asking you to unlock it?", where, what, display.Quote(name), display.Duration(timeout))
	case errors.Is(err, context.Canceled):
		return context.Canceled
	}
	e := failure.Sourcef(err, "%s could not %s key %s: %s", where, what, display.Quote(name), display.Safe(display.Cause(err)))
	e.Final = false // it may be unlocked the next time
	return e
}
