package settings

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
)

// Keys of an AWS profile that we read (config v1.33.15 shared_config.go).
const (
	keyAccessKeyID     = "aws_access_key_id"
	keySecretAccessKey = "aws_secret_access_key"
	keySessionToken    = "aws_session_token"
	keyRoleARN         = "role_arn"
	keySourceProfile   = "source_profile"
	keyCredSource      = "credential_source"
	keyWebIdentity     = "web_identity_token_file"
	keyProcess         = "credential_process"
	keySSOSession      = "sso_session"
	keyLoginSession    = "login_session"
	keyMFASerial       = "mfa_serial"
	keyRegion          = "region"
	keyEndpointURL     = "endpoint_url"
	keyServices        = "services"
	keyIgnoreEndpoints = "ignore_configured_endpoint_urls"
)

// mergedKeys are the keys that the credentials file overrides where both files have the
// section (mergeSections in the SDK). Any other key counts only in the config file then.
var mergedKeys = [...]string{
	keyRoleARN, keySourceProfile, keyCredSource, "external_id", keyMFASerial, "role_session_name",
	keyRegion, "endpoint_discovery_enabled", keyProcess, keyWebIdentity, "s3_use_arn_region",
	"s3_disable_multiregion_access_points", "ec2_metadata_service_endpoint_mode",
	"ec2_metadata_service_endpoint", "ec2_metadata_v1_disabled", "use_dualstack_endpoint",
	"use_fips_endpoint", "defaults_mode", "retry_mode", "ca_bundle", "duration_seconds", "max_attempts",
	keySSOSession, "sso_account_id", "sso_region", "sso_role_name", "sso_start_url",
	"auth_scheme_preference", keyLoginSession,
}

// awsFiles are the two shared files, each read at most once.
type awsFiles struct {
	config, credentials awsFile
}

// openAWSFiles reads the shared files where the SDKs look for them.
func openAWSFiles(env Environment) *awsFiles {
	return &awsFiles{
		config:      openAWSFile(env, "AWS_CONFIG_FILE", "config"),
		credentials: openAWSFile(env, "AWS_SHARED_CREDENTIALS_FILE", "credentials"),
	}
}

func openAWSFile(env Environment, variable, name string) awsFile {
	path := env.Getenv(variable)
	if path == "" {
		home := env.HomeDir()
		if home == "" {
			return awsFile{}
		}
		path = filepath.Join(home, ".aws", name)
	}
	f := awsFile{path: env.expand(path, "")}
	f.data, _, f.err = env.readFile(f.path)
	if f.err != nil && absent(f.err) {
		f.err = nil
	}
	return f
}

// unreadable is the error for a file that is there and cannot be read, nil for none. A file
// that is missing is an empty one.
func (a *awsFiles) unreadable() error {
	for _, f := range []*awsFile{&a.config, &a.credentials} {
		if f.err != nil {
			return &Error{Kind: Config, Where: display.Safe(f.path), What: "cannot read: " + f.err.Error(),
				Do: "mend the file, or name another with AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE", Err: f.err}
		}
	}
	return nil
}

// awsProfile is a profile as both files together define it.
type awsProfile struct {
	name string
	section
	partial *property // half a pair of static keys, which the SDKs refuse
	files   []string  // the files it stands in
}

// profile looks a profile up, nil where neither file has it.
func (a *awsFiles) profile(name string) *awsProfile {
	config := a.config.section("profile " + name)
	if config == nil && strings.EqualFold(name, "default") {
		config = a.config.section(name)
	}
	var credentials *section
	if !strings.HasPrefix(name, "profile ") {
		credentials = a.credentials.section(name)
	}
	return a.merge(name, config, credentials)
}

// other looks up a section that is no profile, "sso-session x" or "services x".
func (a *awsFiles) other(name string) *awsProfile {
	return a.merge(name, a.config.section(name), a.credentials.section(name))
}

// merge lays the credentials file's section over the config file's, as the SDK does.
func (a *awsFiles) merge(name string, config, credentials *section) *awsProfile {
	p := &awsProfile{name: name}
	if config != nil {
		p.section, p.partial = *config, halfPair(config)
		p.files = append(p.files, a.config.path)
	}
	switch {
	case credentials == nil && config == nil:
		return nil
	case credentials == nil:
		return p
	}
	p.files = append(p.files, a.credentials.path)
	p.partial = halfPair(credentials)
	if config == nil {
		p.section = *credentials
		return p
	}
	if credentials.has(keyAccessKeyID) && credentials.has(keySecretAccessKey) {
		p.override(credentials, keyAccessKeyID)
		p.override(credentials, keySecretAccessKey)
		p.override(credentials, keySessionToken)
	}
	for _, key := range mergedKeys {
		p.override(credentials, key)
	}
	return p
}

func (p *awsProfile) override(from *section, key string) {
	if prop := from.get(key); prop != nil {
		flat := *prop
		flat.sub, flat.isMap = nil, false
		p.set(flat)
	}
}

// halfPair is the half of a key pair that lacks the other, nil where both or none are there.
func halfPair(s *section) *property {
	access, secret := s.get(keyAccessKeyID), s.get(keySecretAccessKey)
	switch {
	case access != nil && secret == nil:
		return access
	case access == nil && secret != nil:
		return secret
	}
	return nil
}

func (p *awsProfile) hasKeys() bool {
	return p.value(keyAccessKeyID) != "" && p.value(keySecretAccessKey) != ""
}

func (p *awsProfile) hasSSO() bool {
	for _, key := range [...]string{keySSOSession, "sso_region", "sso_account_id", "sso_start_url", "sso_role_name"} {
		if p.value(key) != "" {
			return true
		}
	}
	return false
}

// flag reads a boolean as the SDK does: anything but true is false, once it is there.
func (p *awsProfile) flag(key string) (value, ok bool) {
	if p == nil {
		return false, false
	}
	prop := p.get(key)
	if prop == nil {
		return false, false
	}
	return strings.EqualFold(prop.value, "true"), true
}

// where names the line of a key, or the profile's files where the key is not there.
func (p *awsProfile) where(key string) string {
	if prop := p.get(key); prop != nil {
		return prop.where()
	}
	return display.Safe(strings.Join(p.files, ", "))
}

// profileNames lists the profiles of both files, for hints.
func (a *awsFiles) profileNames() []string {
	var all []string
	for _, h := range a.config.names() {
		if name, ok := strings.CutPrefix(h, "profile "); ok {
			all = append(all, name)
		} else if strings.EqualFold(h, "default") {
			all = append(all, h)
		}
	}
	return append(all, a.credentials.names()...)
}

// digest is the hex SHA-256 of the keys and values of some sections, each with its length
// in front, keys sorted. Secrets are left out: what they give access to is named by the
// rest.
func digest(sections ...*awsProfile) string {
	h := sha256.New()
	var length [8]byte
	field := func(s string) {
		binary.BigEndian.PutUint64(length[:], uint64(len(s)))
		h.Write(length[:])
		h.Write([]byte(s))
	}
	count := func(n int) {
		binary.BigEndian.PutUint64(length[:], uint64(n))
		h.Write(length[:])
	}
	var properties func(props []property)
	properties = func(props []property) {
		props = slices.DeleteFunc(slices.Clone(props), func(p property) bool {
			return p.key == keySecretAccessKey || p.key == keySessionToken
		})
		slices.SortFunc(props, func(a, b property) int { return strings.Compare(a.key, b.key) })
		count(len(props))
		for _, p := range props {
			field(p.key)
			field(p.value)
			properties(p.sub)
		}
	}
	for _, s := range sections {
		if s != nil {
			field(s.name)
			properties(s.props)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// text builds a section of names and values that stand in no file, for [digest].
func text(name string, pairs ...string) *awsProfile {
	p := &awsProfile{name: name}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			p.set(property{key: pairs[i], value: pairs[i+1]})
		}
	}
	return p
}
