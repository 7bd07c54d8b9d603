package source

import (
	"context"
	"path/filepath"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/keystore"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/storedkey"
	"github.com/sts-helper/sts-helper/token"
)

// SystemStore is what the store of the system's is called that is asked for the key of s, "" where none is.
func SystemStore(s request.Source) string {
	if s.Stored == nil {
		return ""
	}
	k, err := keystore.Described(filepath.Dir(s.Stored.File), s.Stored.Name)
	if err != nil || k == nil || k.Store != storedkey.System {
		return ""
	}
	return keystore.Name(k.Store)
}

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
	secret, err := keystore.Open(k.Store, keystore.Options{Dir: dir, Getenv: s.o.Getenv, Unattended: s.o.Unattended, Login: s.o.Login}).Get(ctx, name, k.AccessKeyID)
	if err != nil {
		return token.Credentials{}, err
	}
	return token.Credentials{AccessKeyID: k.AccessKeyID, SecretAccessKey: secret}, nil
}

// StoredKeyNow is the id of the access key that is stored by now under the name of def, "" where def is no stored key, or
// there is none.
func StoredKeyNow(def request.Source) string {
	if def.Stored == nil {
		return ""
	}
	k, err := keystore.Described(filepath.Dir(def.Stored.File), def.Stored.Name)
	if err != nil || k == nil {
		return ""
	}
	return k.AccessKeyID
}
