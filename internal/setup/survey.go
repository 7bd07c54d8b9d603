package setup

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// Kinds of profile.
const (
	kindKey     = "access key"
	kindSession = "temporary keys"
	kindRole    = "role"
	kindSSO     = "identity center"
	kindLogin   = "aws login"
	kindProcess = "process"
	kindAWSMFA  = "aws-mfa"
	kindOther   = "other"
)

// longTerm ends the names of the profiles that aws-mfa makes its sessions from.
const longTerm = "-long-term"

// The keys that make a profile what it is.
var (
	roleKeys  = []string{awsconfig.KeyRoleARN, awsconfig.KeySourceProfile, awsconfig.KeyMFASerial, "external_id", "role_session_name", "duration_seconds"}
	ssoKeys   = []string{awsconfig.KeySSOSession, awsconfig.KeySSOAccountID, awsconfig.KeySSORoleName, awsconfig.KeySSOStartURL, awsconfig.KeySSORegion, awsconfig.KeySSOScopes}
	staticKey = []string{awsconfig.KeyAccessKeyID, awsconfig.KeySecretAccessKey, awsconfig.KeySessionToken}
	mfaKeys   = []string{awsconfig.KeyAccessKeyID, awsconfig.KeySecretAccessKey, awsconfig.KeySessionToken, awsconfig.KeySecurityToken, "expiration", "assumed_role", "assumed_role_arn"}
)

// kindOf says what a profile is.
func (p *Plan) kindOf(q *awsconfig.Profile) string {
	switch {
	case q.Value(awsconfig.KeyRoleARN) != "" && q.Value(awsconfig.KeySourceProfile) != "":
		return kindRole
	case q.Value(awsconfig.KeyRoleARN) != "" || q.Value(awsconfig.KeyCredSource) != "" || q.Value(awsconfig.KeyWebIdentity) != "":
		return kindOther
	case p.longTerm(q.Name) != nil && !q.HasLongTermKey():
		return kindAWSMFA
	case q.HasKeys() && q.SessionToken() != "":
		return kindSession
	case q.HasKeys():
		return kindKey
	case q.HasSSO():
		return kindSSO
	case q.Value(awsconfig.KeyLoginSession) != "":
		return kindLogin
	case q.Value(awsconfig.KeyProcess) != "":
		if words := display.ShellWords(q.Value(awsconfig.KeyProcess)); len(words) > 0 {
			switch name := display.ProgramName(words[0]); name {
			case "aws-vault", "granted", "saml2aws":
				return name
			}
		}
		return kindProcess
	}
	return kindOther
}

// longTerm is the profile that aws-mfa makes another's session from, nil for none.
func (p *Plan) longTerm(name string) *awsconfig.Profile {
	if q := p.files.Profile(name + longTerm); q != nil && q.HasKeys() {
		return q
	}
	return nil
}

// survey goes through the profiles, those with keys first and roles last: what is made from
// something must know where that is.
func (p *Plan) survey() error {
	var names []string
	for _, name := range p.files.ProfileNames() {
		if strings.HasSuffix(name, longTerm) && !slices.Contains(names, strings.TrimSuffix(name, longTerm)) && len(name) > len(longTerm) {
			names = append(names, strings.TrimSuffix(name, longTerm)) // aws-mfa has not made it yet
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range p.opts.Profiles {
		if !slices.Contains(names, name) {
			return failure.Configf("there is no AWS profile %s in %s or %s", display.Quote(name), display.Safe(p.config.path), display.Safe(p.creds.path)).
				Do("%s", cmp.Or(display.DidYouMean(name, names), "for a new one give --access-key or --sso-start-url"))
		}
	}
	for pass := range 3 {
		for _, name := range names {
			q, alike := p.files.Find(name)
			if q == nil && alike == nil {
				q = &awsconfig.Profile{Name: name}
			}
			kind := kindOther
			if q != nil {
				kind = p.kindOf(q)
			}
			hasKey := q != nil && q.HasLongTermKey()
			due := 1
			switch {
			case hasKey:
				due = 0
			case kind == kindRole:
				due = 2
			}
			if due != pass {
				continue
			}
			found := Profile{Name: name, Kind: kind, Action: Take}
			wanted := slices.Contains(p.opts.Profiles, name)
			switch {
			case alike != nil:
				found.Action, found.Reason = Leave, display.Safe(alike.Where)+": "+alike.What
			case settings.RunsUs(p.env, q) && !q.HasKeys() && kind != kindRole && kind != kindSSO && kind != kindLogin:
				found.Action = Done
			case !wanted && len(p.opts.Profiles) > 0:
				continue
			case !wanted && !hasKey && len(p.entriesOn(name)) > 0:
				found.Action, found.Reason = Leave, "an entry of config.toml builds on it"
			default:
				if reason := p.take(q, kind, wanted); reason != "" {
					found.Action, found.Reason = Leave, reason
				}
			}
			if found.Action == Leave && wanted {
				return failure.Configf("profile %s cannot be taken over: %s", display.Quote(name), found.Reason)
			}
			p.Profiles = append(p.Profiles, found)
		}
	}
	slices.SortStableFunc(p.Profiles, func(a, b Profile) int { return slices.Index(names, a.Name) - slices.Index(names, b.Name) })
	return nil
}

// take plans that a profile is taken over, or says why it is not.
func (p *Plan) take(q *awsconfig.Profile, kind string, wanted bool) (reason string) {
	switch {
	case command(p.opts.Program, q.Name) == "":
		return "its name cannot be written into a command that every SDK reads"
	case slices.Contains(p.entries, entryName(q.Name)):
		return "config.toml has an entry " + display.Quote(entryName(q.Name)) + " already"
	case q.Partial != nil:
		return q.Partial.Key + " is there without its other half"
	}
	for _, key := range slices.Concat(roleKeys, ssoKeys, []string{awsconfig.KeyProcess, awsconfig.KeyLoginSession}) {
		if v := q.Value(key); v != "" && !display.Printable(v) {
			return key + " has more than one line"
		}
	}
	switch kind {
	case kindKey:
		if !p.opts.MoveKeys && !wanted {
			return "it has a long-term key, which --move-keys would move to " + display.Safe(p.private.path)
		}
		return p.takeKey(q)
	case kindRole:
		return p.takeRole(q)
	case kindSSO:
		return p.takeBeside(q, "-sso", ssoKeys)
	case kindLogin:
		return p.takeBeside(q, "-login", []string{awsconfig.KeyLoginSession})
	case "aws-vault", "granted", "saml2aws":
		return p.takeBeside(q, "-source", []string{awsconfig.KeyProcess})
	case kindProcess:
		if !wanted {
			return "its credentials come from another program; name it to have them shared"
		}
		return p.takeBeside(q, "-source", []string{awsconfig.KeyProcess})
	case kindAWSMFA:
		return p.takeAWSMFA(q)
	case kindSession:
		return "its keys are temporary, and nothing says how they are renewed"
	}
	if q.Value(awsconfig.KeyCredSource) != "" || q.Value(awsconfig.KeyWebIdentity) != "" {
		return "the platform gives its credentials"
	}
	return "it has no credentials"
}

// takeKey moves a long-term key into the private file, or into a store.
func (p *Plan) takeKey(q *awsconfig.Profile) string {
	if reason := p.noPlace(q); reason != "" {
		return reason
	}
	for _, name := range settings.AWSNames(p.env) {
		args, _, err := settings.AWSProfile(p.env, name)
		if err == nil && (slices.Contains(args, "--source-profile="+q.Name) || slices.Contains(args, q.Name) && slices.Contains(args, "--source-profile")) {
			return "the credential_process of profile " + display.Quote(name) + " names it as its source; move that into an entry of config.toml first"
		}
	}
	p.moveKey(q)
	e := entry{name: q.Name}
	p.addSource(&e, q.Name)
	if p.opts.Store {
		e.add("region", q.Value(awsconfig.KeyRegion))
		p.takeOver(q, append([]string{awsconfig.KeyMFASerial}, staticKey...), e)
		return ""
	}
	p.takeOver(q, staticKey, e)
	p.carry(q)
	return ""
}

// addSource lets an entry build on a profile, or on its key where that has moved.
func (p *Plan) addSource(e *entry, from string) {
	if slices.ContainsFunc(p.storedKeys, func(k Key) bool { return k.Profile == from }) {
		e.add("source_key", from)
		return
	}
	e.add("source_profile", from)
	if p.movedKeys[from] {
		e.add("credentials_file", filepath.Base(p.private.path))
	}
}

// entriesOn are the entries of config.toml that build on a profile.
func (p *Plan) entriesOn(profile string) []settings.EntrySource {
	return slices.DeleteFunc(slices.Clone(p.sources), func(s settings.EntrySource) bool { return s.Profile != profile })
}

// movable reports whether an entry can be changed where its profile's key moves: its source_profile is all of a line,
// and it reads no credentials file of its own.
func (p *Plan) movable(s settings.EntrySource) bool {
	key, value, _ := strings.Cut(p.toml.edit.Line(s.Line), "=")
	value, _, _ = strings.Cut(value, " #")
	value = strings.TrimSpace(value)
	return s.Line > 0 && !s.CredentialsFile && strings.TrimSpace(key) == "source_profile" && (value == tomlString(s.Profile) || value == "'"+s.Profile+"'")
}

// noPlace says why the key of a profile cannot be moved, "" where it can.
func (p *Plan) noPlace(q *awsconfig.Profile) string {
	for _, s := range p.entriesOn(q.Name) {
		if p.movable(s) {
			continue
		}
		change := "write that line there, and no credentials_file"
		if p.opts.Store {
			change = "write source_key = " + tomlString(q.Name) + " there instead"
		}
		return "an entry of config.toml builds on it by more than a line source_profile = " + tomlString(q.Name) + "; " + change
	}
	if p.opts.Store {
		return p.noPlaceInStore(q)
	}
	if p.private.edit.Has(q.Name) {
		return display.Safe(p.private.path) + " has a section of that name already"
	}
	return ""
}

// moveKey puts a profile's key into the private file, or among those that are stored.
func (p *Plan) moveKey(q *awsconfig.Profile) {
	if p.opts.Store {
		p.storeKey(q)
		return
	}
	p.keepInFile(q.Name, keyOf(q))
	p.movedKeys[q.Name] = true
	for _, s := range p.entriesOn(q.Name) {
		p.toml.edit.ReplaceLine(s.Line, p.toml.edit.Line(s.Line), `credentials_file = `+tomlString(filepath.Base(p.private.path)))
	}
}

// keepInFile puts a key into the private file.
func (p *Plan) keepInFile(profile string, key ProfileKey) {
	p.private.edit.Append("["+profile+"]", awsconfig.KeyAccessKeyID+" = "+key.AccessKeyID, awsconfig.KeySecretAccessKey+" = "+key.SecretAccessKey)
}

// carry moves to the config file what the credentials file says about the profile of a moved key:
// for the key it is not read any more.
func (p *Plan) carry(q *awsconfig.Profile) {
	for _, key := range []string{awsconfig.KeyMFASerial, awsconfig.KeyRegion} {
		if v := q.Value(key); v != "" && p.creds.edit.HasKey(q.Name, key) {
			p.creds.edit.Remove(q.Name, key)
			p.config.edit.Replace("profile "+q.Name, []string{key}, key+" = "+v)
		}
	}
}

func (p *Plan) takeRole(q *awsconfig.Profile) string {
	for _, key := range []string{awsconfig.KeyCredSource, awsconfig.KeyProcess, awsconfig.KeyWebIdentity} {
		if q.Value(key) != "" {
			return "it has " + key + " beside source_profile, which SDKs refuse"
		}
	}
	from := strings.TrimSpace(q.Value(awsconfig.KeySourceProfile))
	source := p.files.Profile(from)
	lose := roleKeys
	switch {
	case source == nil:
		return "there is no profile " + display.Quote(from) + ", its source_profile"
	case q.HasKeys():
		if from != q.Name {
			return "it has keys of its own beside source_profile"
		}
		if q.SessionToken() != "" {
			return "its keys are temporary, and nothing says how they are renewed"
		}
		if !p.opts.MoveKeys {
			return "it has a long-term key, which --move-keys would move to " + display.Safe(p.private.path)
		}
		if reason := p.noPlace(q); reason != "" {
			return reason
		}
		p.moveKey(q)
		lose = slices.Concat(roleKeys, staticKey)
	case from == q.Name:
		return "it is its own source_profile and has no keys"
	case p.kindOf(source) == kindOther && source.Value(awsconfig.KeyRoleARN) == "" && !p.movedKeys[from]:
		return "its source_profile " + display.Quote(from) + " has no credentials in these files; where another program keeps them, give that profile a credential_process that prints them"
	}
	e := entry{name: q.Name}
	if beside := p.beside[from]; beside != "" {
		from = beside
	}
	p.addSource(&e, from)
	e.add("role_arn", q.Value(awsconfig.KeyRoleARN))
	e.add("mfa_serial", q.Value(awsconfig.KeyMFASerial))
	e.add("external_id", q.Value("external_id"))
	e.add("role_session_name", q.Value("role_session_name"))
	e.add("duration", q.Value("duration_seconds"))
	e.add("region", q.Value(awsconfig.KeyRegion))
	p.takeOver(q, lose, e)
	return ""
}

// takeAWSMFA takes over a profile whose session aws-mfa wrote into the credentials file.
func (p *Plan) takeAWSMFA(q *awsconfig.Profile) string {
	base := p.longTerm(q.Name)
	e := entry{name: q.Name}
	p.addSource(&e, base.Name)
	if role := base.Value("assume_role"); strings.HasPrefix(role, "arn:") {
		e.add("role_arn", role)
	}
	e.add("mfa_serial", cmp.Or(base.Value("aws_mfa_device"), base.Value(awsconfig.KeyMFASerial)))
	e.add("region", q.Value(awsconfig.KeyRegion))
	p.takeOver(q, mfaKeys, e)
	return ""
}

// takeBeside moves what gives a profile its credentials to a source profile beside it.
func (p *Plan) takeBeside(q *awsconfig.Profile, suffix string, keys []string) string {
	name := q.Name + suffix
	for n := '2'; p.files.Profile(name) != nil; n++ {
		if n > '9' {
			return "there are too many profiles named like it"
		}
		name = q.Name + suffix + string(n)
	}
	lines := []string{awsconfig.HeaderFor("profile", name)}
	for _, key := range slices.Concat(keys, []string{awsconfig.KeyRegion}) {
		if v := q.Value(key); v != "" {
			lines = append(lines, key+" = "+v)
		}
	}
	e := entry{name: q.Name}
	e.add("source_profile", name)
	p.beside[q.Name] = name
	p.takeOver(q, keys, e)
	p.config.edit.Append(lines...)
	return ""
}

// entryName is the name of a profile's entry. [profile.default] of config.toml counts for every
// line that names no entry, which [default] of ~/.aws/config does not.
func entryName(profile string) string {
	if strings.EqualFold(profile, "default") {
		return "aws-default"
	}
	return profile
}

// takeOver lets a profile run this program, which finds what it lost in an entry of config.toml.
func (p *Plan) takeOver(q *awsconfig.Profile, lose []string, e entry) {
	lose = append(slices.Clone(lose), awsconfig.KeyProcess)
	e.name = entryName(q.Name)
	line := awsconfig.KeyProcess + " = " + command(p.opts.Program, e.name)
	section := "profile " + q.Name
	p.creds.edit.Remove(q.Name, lose...)
	if !p.config.edit.Replace(section, lose, line) {
		lines := []string{awsconfig.HeaderFor("profile", q.Name), line}
		for _, prop := range q.Props { // which SDKs would no longer read in the other file
			if prop.Value != "" && !strings.Contains(prop.Value, "\n") && !slices.Contains(lose, prop.Key) {
				lines = append(lines, prop.Key+" = "+prop.Value)
			}
		}
		p.config.edit.Append(lines...)
	}
	p.toml.edit.Append(e.lines()...)
	p.moved[q.Name] = lose
}
