package setup

import (
	"slices"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// ProfileKey is the long-term key in an AWS profile.
type ProfileKey struct{ AccessKeyID, SecretAccessKey, MFASerial string }

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
	case !q.HasKeys() || q.Value(awsconfig.KeySessionToken) != "":
		return nil, ProfileKey{}, failure.Configf("AWS profile %s has no long-term key", display.Quote(profile))
	case slices.Contains(p.sources, profile):
		return nil, ProfileKey{}, failure.Configf("entries of config.toml have source_profile = %s", tomlString(profile)).Do("write source_key = %s there instead, and add the key without --from-profile", tomlString(name))
	case q.Value(awsconfig.KeyRoleARN) != "" || q.Value(awsconfig.KeyProcess) != "":
		return nil, ProfileKey{}, failure.Configf("AWS profile %s has more than a key", display.Quote(profile)).Do("move its key into a profile of its own first")
	}
	for _, other := range p.files.ProfileNames() {
		if o := p.files.Profile(other); o != nil && other != profile && o.Value(awsconfig.KeySourceProfile) == profile {
			return nil, ProfileKey{}, failure.Configf("AWS profile %s has source_profile = %s, and SDKs would find no key there", display.Quote(other), display.Safe(profile)).Do("take that profile over first: sts-helper setup %s", display.ShellWord(other))
		}
	}
	key := ProfileKey{q.Value(awsconfig.KeyAccessKeyID), q.Value(awsconfig.KeySecretAccessKey), q.Value(awsconfig.KeyMFASerial)}
	e := entry{name: profile}
	e.add("source_key", name)
	p.takeOver(q, append([]string{awsconfig.KeyMFASerial}, staticKey...), e)
	return p, key, nil
}
