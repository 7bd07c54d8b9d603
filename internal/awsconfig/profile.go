package awsconfig

import (
	"bytes"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/token"
)

// Keys of a profile (config v1.33.15 shared_config.go).
const (
	KeyAccessKeyID     = "aws_access_key_id"
	KeySecretAccessKey = "aws_secret_access_key"
	KeySessionToken    = "aws_session_token"
	KeySecurityToken   = "aws_security_token" // its older name, which botocore reads (credentials.py, SharedCredentialProvider.TOKENS)
	KeyRoleARN         = "role_arn"
	KeySourceProfile   = "source_profile"
	KeyCredSource      = "credential_source"
	KeyWebIdentity     = "web_identity_token_file"
	KeyProcess         = "credential_process"
	KeySSOSession      = "sso_session"
	KeySSOAccountID    = "sso_account_id"
	KeySSORegion       = "sso_region"
	KeySSORoleName     = "sso_role_name"
	KeySSOStartURL     = "sso_start_url"
	KeySSOScopes       = "sso_registration_scopes"
	KeyLoginSession    = "login_session"
	KeyMFASerial       = "mfa_serial"
	KeyRegion          = "region"
	KeyEndpointURL     = "endpoint_url"
	KeyServices        = "services"
	KeyIgnoreEndpoints = "ignore_configured_endpoint_urls"
)

// Files are the two shared files.
type Files struct {
	Config, Credentials File
}

// Profile is a profile as both files together define it.
type Profile struct {
	Name string
	Section
	Partial *Property // half a pair of static keys, which the SDKs refuse
	Files   []string  // the files that have it
}

// Profile looks a profile up, nil where neither file has it.
func (a *Files) Profile(name string) *Profile {
	a.Credentials.credentials = true
	config := a.Config.section(kindProfile + " " + name)
	if config == nil && strings.EqualFold(name, "default") {
		config = a.Config.section(name)
	}
	var credentials *Section
	if !strings.HasPrefix(name, kindProfile+" ") {
		credentials = a.Credentials.section(name)
	}
	return a.merge(name, config, credentials)
}

// Other looks up a section that is no profile, of the kind "sso-session" or "services".
func (a *Files) Other(kind, name string) *Profile {
	a.Credentials.credentials = true
	name = kind + " " + name
	return a.merge(name, a.Config.section(name), a.Credentials.section(name))
}

// merge lays the credentials file's section over the config file's. The SDK for Go lays over a list of
// keys only, all others every key: with the list an endpoint_url or ca_bundle would be lost in silence.
func (a *Files) merge(name string, config, credentials *Section) *Profile {
	p := &Profile{Name: name}
	if config != nil {
		p.Section, p.Partial = *config, halfPair(config)
		p.Files = append(p.Files, a.Config.Path)
	}
	switch {
	case credentials == nil && config == nil:
		return nil
	case credentials == nil:
		return p
	}
	p.Files = append(p.Files, a.Credentials.Path)
	p.Partial = halfPair(credentials)
	if config == nil {
		p.Section = *credentials
		return p
	}
	if credentials.Value(KeyAccessKeyID) != "" && credentials.Value(KeySecretAccessKey) != "" {
		// A token belongs to the pair beside it.
		p.Props = slices.DeleteFunc(slices.Clone(p.Props), func(prop Property) bool { return slices.Contains(pair[:], prop.Key) })
		for _, key := range pair {
			p.override(credentials, key)
		}
	}
	for _, prop := range credentials.Props {
		if !slices.Contains(pair[:], prop.Key) {
			p.override(credentials, prop.Key)
		}
	}
	return p
}

// pair are the keys of static credentials, which come from one file.
var pair = [...]string{KeyAccessKeyID, KeySecretAccessKey, KeySessionToken, KeySecurityToken}

// SessionToken is the token beside the profile's static keys, "" for none.
func (p *Profile) SessionToken() string {
	return TokenOf(p.Value(KeyAccessKeyID), p.Value(KeySessionToken), p.Value(KeySecurityToken))
}

// TokenOf is the session token of a key, of the token under its name and the one under its older name.
// That is what tools of before 2014 wrote, and botocore alone reads it. It counts where the other is
// missing and the key needs one: beside a long-term key it is a leftover.
func TokenOf(keyID, session, security string) string {
	if session == "" && token.TemporaryKeyID(keyID) {
		return security
	}
	return session
}

// override takes a key over from the credentials file. An empty value is none, and takes nothing away.
func (p *Profile) override(from *Section, key string) {
	if prop := from.Get(key); prop != nil && (prop.Value != "" || !p.Has(key)) {
		p.set(*prop)
	}
}

// halfPair is the half of a key pair that lacks the other, nil where both or none are there.
func halfPair(s *Section) *Property {
	switch access, secret := s.Value(KeyAccessKeyID), s.Value(KeySecretAccessKey); {
	case access != "" && secret == "":
		return s.Get(KeyAccessKeyID)
	case access == "" && secret != "":
		return s.Get(KeySecretAccessKey)
	}
	return nil
}

// HasKeys reports whether the profile has a whole pair of static keys.
func (p *Profile) HasKeys() bool {
	return p.Value(KeyAccessKeyID) != "" && p.Value(KeySecretAccessKey) != ""
}

// HasLongTermKey reports whether the profile's static keys are those of a user: no session token is beside them.
func (p *Profile) HasLongTermKey() bool { return p.HasKeys() && p.SessionToken() == "" }

// HasSSO reports whether the profile has any setting of IAM Identity Center.
func (p *Profile) HasSSO() bool {
	for _, key := range [...]string{KeySSOSession, KeySSORegion, KeySSOAccountID, KeySSOStartURL, KeySSORoleName} {
		if p.Value(key) != "" {
			return true
		}
	}
	return false
}

// Bool reads a boolean as the SDK does: anything but true is false, once it is there.
func (p *Profile) Bool(key string) (value, ok bool) {
	if p == nil {
		return false, false
	}
	prop := p.Get(key)
	if prop == nil {
		return false, false
	}
	return strings.EqualFold(prop.Value, "true"), true
}

// Where is file:line of a key, or the profile's files where it has no such key.
func (p *Profile) Where(key string) string {
	if prop := p.Get(key); prop != nil {
		return prop.Where()
	}
	return display.Safe(strings.Join(p.Files, ", "))
}

// ProfileNames lists the profiles of both files, for hints.
func (a *Files) ProfileNames() []string {
	var all []string
	for _, h := range a.Config.names() {
		if name, ok := strings.CutPrefix(unquoted(h), kindProfile+" "); ok {
			all = append(all, name)
		} else if strings.EqualFold(h, "default") {
			all = append(all, h)
		}
	}
	return append(all, a.Credentials.names()...)
}

// ProfilesRunning lists the profiles that have a credential_process for which match holds, each
// once, in the order of the files.
func (a *Files) ProfilesRunning(match func(command string) bool) []string {
	var all []string
	for _, f := range [...]*File{&a.Config, &a.Credentials} {
		name := ""
		for pos := 0; pos < len(f.Data); {
			line, next := f.lineAt(pos)
			pos = next
			if h, ok := header(line); ok {
				name = h
				if f == &a.Config {
					var isProfile bool
					if name, isProfile = strings.CutPrefix(unquoted(h), kindProfile+" "); !isProfile && !strings.EqualFold(h, "default") {
						name = ""
					}
				}
				continue
			}
			line = bytes.TrimLeft(line, " \t")
			if name == "" || len(line) < len(KeyProcess) || !strings.EqualFold(string(line[:len(KeyProcess)]), KeyProcess) || slices.Contains(all, name) {
				continue
			}
			if p := a.Profile(name); p != nil && match(p.Value(KeyProcess)) {
				all = append(all, name)
			}
		}
	}
	return all
}
