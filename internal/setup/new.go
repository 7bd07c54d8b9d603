package setup

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/token"
)

// Key is a new profile that is made from an access key.
type Key struct {
	Profile                      string // "" for default
	AccessKeyID, SecretAccessKey string
	Region, MFASerial            string // "" for none
}

// CheckNew checks all of a new profile but the key, and gives it the name default where it has none.
func CheckNew(env settings.Environment, k *Key, opts Options) error {
	if k.Profile == "" {
		k.Profile = "default"
	}
	p, err := open(env, opts)
	if err != nil {
		return err
	}
	return p.checkNew(k.Profile, k.Region)
}

// checkNew refuses the name of a profile that is there, and what is no region.
func (p *Plan) checkNew(name, region string) error {
	quoted := display.Quote(name)
	switch {
	case command(p.opts.Program, name) == "":
		return failure.Configf("%s cannot be written into a command that every SDK reads", quoted).Do("choose another name with --profile")
	case p.files.Profile(name) != nil || slices.Contains(p.entries, name) || p.private.edit.Has(name):
		return failure.Configf("there is a profile %s already", quoted).Do("choose another name with --profile, or take it over: sts-helper setup %s", display.ShellWord(name))
	case region != "" && !awsname.ValidRegion(region):
		return failure.Configf("%s is no region", display.Quote(region))
	}
	return nil
}

// NewKeyPlan plans a new profile. Its key goes into the credentials file that only this program is
// told of.
func NewKeyPlan(env settings.Environment, k Key, opts Options) (*Plan, error) {
	if err := CheckNew(env, &k, opts); err != nil {
		return nil, err
	}
	switch {
	case !token.ValidAccessKeyID(k.AccessKeyID):
		return nil, failure.Configf("that is not an access key id").Do("it has 16 to 128 letters and digits and begins with AKIA")
	case strings.HasPrefix(k.AccessKeyID, "ASIA"):
		return nil, failure.Configf("that access key id is one of temporary credentials, which end").Do("give a long-term one, which begins with AKIA")
	case !token.ValidSecret(k.SecretAccessKey) || strings.ContainsAny(k.SecretAccessKey, " \t"):
		return nil, failure.Configf("that is not a secret access key")
	case k.MFASerial != "" && !display.Printable(k.MFASerial):
		return nil, failure.Configf("the MFA device has control characters in it")
	}
	p, err := open(env, opts)
	if err != nil {
		return nil, err
	}
	q := &awsconfig.Profile{Name: k.Profile}
	p.private.edit.Append("["+k.Profile+"]", awsconfig.KeyAccessKeyID+" = "+k.AccessKeyID, awsconfig.KeySecretAccessKey+" = "+k.SecretAccessKey)
	if k.Region != "" {
		q.Props = append(q.Props, awsconfig.Property{Key: awsconfig.KeyRegion, Value: k.Region})
	}
	e := entry{name: k.Profile}
	e.add("source_profile", k.Profile)
	e.add("credentials_file", filepath.Base(p.private.path))
	e.add("mfa_serial", k.MFASerial)
	p.takeOver(q, nil, e)
	p.Profiles = []Profile{{Name: k.Profile, Kind: kindKey, Action: New}}
	return p, p.check()
}
