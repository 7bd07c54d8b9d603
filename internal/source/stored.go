package source

import (
	"context"
	"path/filepath"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/keystore"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/token"
)

// stored is a key that sts-helper keeps in a store.
type stored struct {
	def request.Source
	o   Options
}

func (s stored) Fetch(ctx context.Context) (token.Credentials, error) {
	name, dir := s.def.Stored.Name, filepath.Dir(s.def.Stored.File)
	k, err := keystore.Described(dir, name)
	if err != nil {
		return token.Credentials{}, err
	}
	if k == nil {
		return token.Credentials{}, failure.Sourcef(nil, "the stored key %s was removed", display.Quote(name))
	}
	if k.AccessKeyID != s.def.AccessKeyID && k.ARN != s.def.Stored.ARN {
		// What is made with it would be kept under the key of the other. Where it is a new key of the same user, it may be.
		e := failure.Sourcef(nil, "the stored key %s is %s of %s by now", display.Quote(name), display.Safe(k.AccessKeyID), display.Safe(k.ARN)).Do("try again")
		e.Final, e.Private = false, true
		return token.Credentials{}, e
	}
	secret, err := keystore.Open(k.Store, keystore.Options{Dir: dir, Getenv: s.o.Getenv, Unattended: s.o.Unattended, Login: s.o.Login}).Get(ctx, name, k.AccessKeyID)
	if err != nil {
		return token.Credentials{}, err
	}
	return token.Credentials{AccessKeyID: k.AccessKeyID, SecretAccessKey: secret}, nil
}
