package keystore

import (
	"context"
	"errors"

	"github.com/zalando/go-keyring"

	"github.com/sts-helper/sts-helper/internal/await"
)

// service is the name that items of the system's store have.
const service = "sts-helper"

// system is the store of the system, by zalando/go-keyring: one small library for the Secret Service, the macOS keychain
// and Windows credentials without cgo, which starts nothing before it is asked. (99designs/keyring has more stores, takes
// cgo for the keychain, and four times the packages.)
type system struct{ Options }

func item(name, id string) string { return name + " " + id }

// ask runs a call of the library, which knows no context, until ctx ends: the user may be asked to unlock the store.
func (s system) ask(ctx context.Context, call func() (string, error)) (string, error) {
	if why := noSystemStore(s.Getenv); why != "" {
		return "", errors.New(why)
	}
	secret, err := await.Call(ctx, call)
	if errors.Is(err, keyring.ErrNotFound) {
		err = ErrNotFound
	}
	return secret, err
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
