package keystore

import (
	"context"
	"errors"

	"github.com/zalando/go-keyring"
)

// service is the name that items of the system's store have.
const service = "sts-helper"

// system is the store of the system, by zalando/go-keyring: one small library for the Secret Service, the macOS keychain
// and Windows credentials without cgo, which starts nothing before it is asked. (99designs/keyring has more stores, takes
// cgo for the keychain, and four times the packages.)
type system struct{ Options }

func item(name, id string) string { return name + " " + id }

// ask runs a call of the library, which knows no context, and gives up waiting for it when ctx ends: the user may be
// asked to unlock the store. The process is about to end then.
func (s system) ask(ctx context.Context, call func() (string, error)) (string, error) {
	if why := noSystemStore(s.Getenv); why != "" {
		return "", errors.New(why)
	}
	type answer struct {
		secret string
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		secret, err := call()
		done <- answer{secret, err}
	}()
	select {
	case a := <-done:
		if errors.Is(a.err, keyring.ErrNotFound) {
			return "", ErrNotFound
		}
		return a.secret, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (s system) get(ctx context.Context, name, id string) (string, error) {
	return s.ask(ctx, func() (string, error) { return keyring.Get(service, item(name, id)) })
}

func (s system) set(ctx context.Context, name, id, secret string) error {
	_, err := s.ask(ctx, func() (string, error) { return "", keyring.Set(service, item(name, id), secret) })
	return err
}

func (s system) remove(ctx context.Context, name, id string) error {
	_, err := s.ask(ctx, func() (string, error) { return "", keyring.Delete(service, item(name, id)) })
	return err
}
