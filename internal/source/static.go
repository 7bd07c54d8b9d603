package source

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/token"
)

// maxShared bounds a shared file, in bytes, as package settings does.
const maxShared = 8 << 20

// static are the keys in a profile of the shared files, read as package settings has read them.
type static struct{ def request.Source }

func (s static) Fetch(context.Context) (token.Credentials, error) {
	var files awsconfig.Files
	for _, f := range []struct {
		path string
		file *awsconfig.File
	}{{s.def.ConfigFile, &files.Config}, {s.def.CredentialsFile, &files.Credentials}} {
		f.file.Path = f.path
		if f.path == "" || f.path == os.DevNull {
			continue
		}
		data, _, err := safefile.Read(f.path, maxShared)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return token.Credentials{}, failure.Sourcef(err, "%s cannot be read: %s", Describe(s.def), display.Cause(err))
		}
		f.file.Data = data
	}
	p := files.Profile(s.def.Profile)
	if p == nil {
		return token.Credentials{}, failure.Sourcef(nil, "%s cannot be read: it is in none of its files", Describe(s.def))
	}
	return token.Credentials{
		AccessKeyID:     p.Value(awsconfig.KeyAccessKeyID),
		SecretAccessKey: p.Value(awsconfig.KeySecretAccessKey),
		SessionToken:    p.SessionToken(),
		AccountID:       p.Value("aws_account_id"),
	}, nil
}
