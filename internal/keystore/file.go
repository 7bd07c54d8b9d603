package keystore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"

	"filippo.io/age"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/passphrase"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// file keeps each secret in a file of its own, encrypted by age under a passphrase that the user is asked for.
type file struct {
	Options
	passphrase string // once it was given
}

func fileName(name, id string) string { return name + "." + id + ".age" }

// maxSealed bounds an encrypted file, in bytes.
const maxSealed = 16 << 10

func (f *file) get(ctx context.Context, name, id string) (string, error) {
	root, err := safefile.OpenPrivateDir(f.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", ErrNotFound
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }()
	sealed, err := safefile.ReadPrivate(root, fileName(name, id), maxSealed)
	if errors.Is(err, fs.ErrNotExist) {
		return "", ErrNotFound
	}
	if err != nil {
		return "", err
	}
	if f.passphrase == "" {
		if f.Unattended {
			return "", failure.Interactionf(nil, display.Safe(f.Login), "the passphrase of key %s is needed, and the user is not asked here", display.Quote(name))
		}
		given, err := passphrase.Ask(ctx, "Passphrase of key "+display.Quote(name)+": ")
		if err != nil {
			return "", err
		}
		f.passphrase = string(given)
	}
	identity, err := age.NewScryptIdentity(f.passphrase)
	if err != nil {
		f.passphrase = ""
		return "", errNoPassphrase(name)
	}
	secret, err := open(sealed, identity)
	if err != nil {
		f.passphrase = ""
		if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
			return "", failure.Interactionf(err, "", "that is not the passphrase of key %s", display.Quote(name))
		}
		return "", errors.New("it is damaged")
	}
	return secret, nil
}

func errNoPassphrase(name string) error {
	return failure.Interactionf(nil, "", "no passphrase was given for key %s", display.Quote(name))
}

func open(sealed []byte, identity age.Identity) (string, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), identity)
	if err != nil {
		return "", err
	}
	secret, err := io.ReadAll(io.LimitReader(r, maxSealed))
	return string(secret), err
}

func (f *file) set(ctx context.Context, name, id, secret string) error {
	if f.passphrase == "" {
		given, err := passphrase.AskNew(ctx, "Passphrase to encrypt key "+display.Quote(name)+" under: ")
		if err != nil {
			return err
		}
		f.passphrase = string(given)
	}
	recipient, err := age.NewScryptRecipient(f.passphrase)
	if err != nil {
		f.passphrase = ""
		return errNoPassphrase(name)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipient)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, secret); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	root, err := openDir(f.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return safefile.Write(root, fileName(name, id), sealed.Bytes(), safefile.Durable)
}

func (f *file) remove(_ context.Context, name, id string) error {
	root, err := safefile.OpenPrivateDir(f.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	err = root.Remove(fileName(name, id))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return err
}
