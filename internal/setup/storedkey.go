package setup

import (
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/storedkey"
	"github.com/sts-helper/sts-helper/token"
)

// ProfileKey is the long-term key in an AWS profile.
type ProfileKey struct {
	AccessKeyID, SecretAccessKey string
	MFASerial                    string // "" for none
}

// CheckKeyID refuses what is no id of a long-term key.
func CheckKeyID(id string) error {
	switch {
	case !token.ValidAccessKeyID(id):
		return usage("that is no access key id; it has 20 letters and digits and begins with AKIA")
	case token.TemporaryKeyID(id):
		return usage("that is the id of temporary credentials; only a long-term key is stored")
	}
	return nil
}

// Check refuses what is no long-term key, without repeating it.
func (k ProfileKey) Check() error {
	if err := CheckKeyID(k.AccessKeyID); err != nil {
		return err
	}
	switch {
	case !token.ValidSecret(k.SecretAccessKey):
		return usage("that is no secret access key")
	case k.MFASerial != "" && !display.Printable(k.MFASerial):
		return usage("the MFA device has control characters in it")
	}
	return nil
}

func usage(text string) error { return &failure.Error{Class: failure.Usage, Text: text} }

// keyOf is the key in a profile that has one.
func keyOf(q *awsconfig.Profile) ProfileKey {
	return ProfileKey{q.Value(awsconfig.KeyAccessKeyID), q.Value(awsconfig.KeySecretAccessKey), q.Value(awsconfig.KeyMFASerial)}
}

// StoredKeys are the keys that the plan takes out of files with [Options.Store]: they must be in a store before
// [Plan.Apply].
func (p *Plan) StoredKeys() []Key { return p.storedKeys }

// MovesKeys reports whether keys go from a file that SDKs read to one that they do not.
func (p *Plan) MovesKeys() bool { return p.private.edit.Changed() }

// noPlaceInStore says why the key of a profile cannot be stored under its name, "" where it can.
func (p *Plan) noPlaceInStore(q *awsconfig.Profile) string {
	name := q.Name
	if !storedkey.ValidName(name) {
		return "its name can be none of a stored key; take its key out with: sts-helper keys add NAME --from-profile " + display.ShellWord(name)
	}
	if id := p.opts.Stored[name]; id != "" && id != q.Value(awsconfig.KeyAccessKeyID) {
		return "another key is stored under its name; see: sts-helper keys list"
	}
	return ""
}

// storeKey notes the key of a profile among those that are stored, and lets the entries of config.toml that build
// on the profile build on the stored key, with the region that they had from the profile.
func (p *Plan) storeKey(q *awsconfig.Profile) {
	p.storedKeys = append(p.storedKeys, Key{Profile: q.Name, Region: q.Value(awsconfig.KeyRegion), ProfileKey: keyOf(q)})
	for _, s := range p.entriesOn(q.Name) {
		var more []string
		if r := q.Value(awsconfig.KeyRegion); r != "" && !s.Region {
			more = append(more, "region = "+tomlString(r))
		}
		p.toml.edit.ReplaceLine(s.Line, strings.Replace(p.toml.edit.Line(s.Line), "source_profile", "source_key", 1), more...)
	}
}

// TakeKey plans to take the long-term key out of a profile, for the store in which it is kept as name: the profile
// gets its credentials with the stored key then.
func TakeKey(env settings.Environment, profile, name string, opts Options) (*Plan, ProfileKey, error) {
	p, err := open(env, opts)
	if err != nil {
		return nil, ProfileKey{}, err
	}
	q := p.files.Profile(profile)
	switch {
	case q == nil:
		return nil, ProfileKey{}, failure.Configf("there is no AWS profile %s", display.Quote(profile)).Do("%s", display.DidYouMean(profile, p.files.ProfileNames()))
	case !q.HasLongTermKey():
		return nil, ProfileKey{}, failure.Configf("AWS profile %s has no long-term key", display.Quote(profile))
	case len(p.entriesOn(profile)) > 0:
		return nil, ProfileKey{}, failure.Configf("entries of config.toml have source_profile = %s", tomlString(profile)).Do("write source_key = %s there instead, and add the key without --from-profile", tomlString(name))
	case q.Value(awsconfig.KeyRoleARN) != "" || q.Value(awsconfig.KeyProcess) != "":
		return nil, ProfileKey{}, failure.Configf("AWS profile %s has more than a key", display.Quote(profile)).Do("move its key into a profile of its own first")
	}
	for _, other := range p.files.ProfileNames() {
		if o := p.files.Profile(other); o != nil && other != profile && o.Value(awsconfig.KeySourceProfile) == profile {
			return nil, ProfileKey{}, failure.Configf("AWS profile %s has source_profile = %s, and SDKs would find no key there", display.Quote(other), display.Safe(profile)).Do("take that profile over first: sts-helper setup %s", display.ShellWord(other))
		}
	}
	key := keyOf(q)
	e := entry{name: profile}
	e.add("source_key", name)
	p.takeOver(q, append([]string{awsconfig.KeyMFASerial}, staticKey...), e)
	return p, key, nil
}
