package settings

import (
	"slices"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// sourceProfile is the AWS profile whose settings are in force.
type sourceProfile struct {
	name    string             // "" where the environment's keys or token are the source
	profile *awsconfig.Profile // nil where no file has it
	named   bool               // by --source-profile, its variable, or our config file
	from    string             // the setting or variable that named it
}

// findSource decides which profile the request's credentials come from. The order is the
// SDK's (config v1.33.15 resolve_credentials.go) with one addition: a source profile that
// was named comes before everything, also before keys in the environment, which a
// credential_process inherits from the program that starts it.
//
// Where the operation is not signed, needed is false: the profile only gives its region and
// endpoint then, and may be missing.
func (l *loader) findSource(needed bool) error {
	if g := l.value(sSourceProfile); g != nil {
		l.source = sourceProfile{name: g.text(), named: true, from: g.from()}
		return l.mustExist(g.kind())
	}
	if g := l.value(sCredentialsFile); g != nil && !l.definesSource() {
		l.source = sourceProfile{name: "default", named: true, from: g.from()}
		return l.mustExist(g.kind())
	}
	if l.bare != nil && needed {
		return l.bareSource()
	}
	name, variable := l.env.first("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
	l.source = sourceProfile{name: name, from: variable}
	if name == "" {
		l.source = sourceProfile{name: "default"}
	}
	if _, ok := l.environmentKeys(); needed && !ok && !l.definesSource() {
		if name != "" {
			return l.mustExist(Config)
		}
		if err := l.unreadable(); err != nil {
			return err
		}
	}
	var err error
	l.source.profile, err = l.profile(l.source.name)
	return err
}

// mustExist looks up the source profile, which a setting or a variable names.
func (l *loader) mustExist(kind ErrorKind) error {
	p, err := l.lookup(l.source.name, named(l.source.from), kind)
	l.source.profile = p
	return err
}

// lookup finds a profile that from names, or says why there is none.
func (l *loader) lookup(name string, from origin, kind ErrorKind) (*awsconfig.Profile, error) {
	files := l.files()
	if err := l.unreadable(); err != nil {
		return nil, err
	}
	if p, err := l.profile(name); p != nil || err != nil {
		return p, err
	}
	if files.Config.Path == "" && files.Credentials.Path == "" {
		return nil, &Error{Kind: kind, Where: from(), What: "there is no AWS profile " + display.Quote(name) + ": no home directory to look for files in",
			Do: "set HOME, or AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE"}
	}
	do := display.DidYouMean(name, files.ProfileNames())
	if l.entryNamed(name) != nil && l.value(sSourceProfile) != nil {
		do = "it is an entry of " + display.Safe(l.file.path) + ": give --profile " + display.Quote(name)
	}
	return nil, &Error{Kind: kind, Where: from(), What: "no AWS profile " + display.Quote(name) + " in " + display.Safe(files.Config.Path) + " or " + display.Safe(files.Credentials.Path), Do: do}
}

// profile looks a profile up, nil where there is none. A line that looks like it and is not read as it
// by every tool is refused: a device or region there would be lost in silence.
func (l *loader) profile(name string) (*awsconfig.Profile, error) {
	p, alike := l.files().Find(name)
	if alike != nil {
		return nil, misread(alike)
	}
	return p, nil
}

// other looks up a section that is no profile, which p names in key.
func (l *loader) other(kind string, p *awsconfig.Profile, key string) (*awsconfig.Profile, error) {
	name := strings.TrimSpace(p.Value(key))
	if alike := l.files().OtherLooksLike(kind, name); alike != nil {
		return nil, misread(alike)
	}
	if s := l.files().Other(kind, name); s != nil {
		return s, nil
	}
	do := "write it, or remove " + key
	if kind == awsconfig.SSOSession {
		do = "run: aws configure sso"
	}
	return nil, &Error{Kind: Config, Where: p.Where(key), What: "no section " + awsconfig.HeaderFor(kind, display.Safe(name)) + " in " + display.Safe(l.files().Config.Path), Do: do}
}

func misread(l *awsconfig.Lookalike) error {
	return &Error{Kind: Config, Where: l.Where, What: l.What, Do: l.Do}
}

// sourceChain is what signs a request: the token of another request, which may be based on a
// third, or a source.
type sourceChain struct {
	base   *request.Request
	source request.Source
	// profile is the one at the bottom, whose the source is; its mfa_serial speaks for its
	// keys. nil where no profile is involved.
	profile *awsconfig.Profile
	// serial is the MFA device that a stored key names itself.
	serial string
}

// resolveSource finds what signs the request itself.
func (l *loader) resolveSource() (sourceChain, error) {
	if l.definesSource() {
		return l.definedSource()
	}
	if !l.source.named {
		if source, ok := l.environmentKeys(); ok {
			return sourceChain{source: source}, checkKeyID(source.AccessKeyID, named("AWS_ACCESS_KEY_ID"))
		}
		// Named by AWS_PROFILE is more particular than a token that a platform mounts.
		if file := l.env.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"); file != "" && l.source.from == "" {
			return l.sourceFromWebIdentity(file)
		}
	}
	if l.source.profile == nil {
		return sourceChain{source: l.ambient()}, nil
	}
	return l.sourceFromProfile(l.source.profile, nil)
}

// sourceFromWebIdentity is the role that a platform such as EKS gives a program by variables.
func (l *loader) sourceFromWebIdentity(file string) (sourceChain, error) {
	role := l.env.Getenv("AWS_ROLE_ARN")
	if role == "" {
		return sourceChain{}, &Error{Kind: Config, Where: "AWS_WEB_IDENTITY_TOKEN_FILE", What: "is set without AWS_ROLE_ARN", Do: "set both or none"}
	}
	r := &request.Request{Name: "default", Operation: opWebIdentity.String(), RoleARN: role,
		WebIdentityTokenFile: l.env.expand(file, ""), RoleSessionName: l.env.Getenv("AWS_ROLE_SESSION_NAME")}
	if r.RoleSessionName == "" {
		r.RoleSessionName = l.env.sessionName()
	}
	l.top.fill(r)
	return sourceChain{base: r}, nil
}

// sourceFromProfile finds what signs with a profile: for one with a role_arn the request that
// assumes the role, else its own credentials. chain names the profiles that led here.
func (l *loader) sourceFromProfile(p *awsconfig.Profile, chain []string) (sourceChain, error) {
	if p.Partial != nil {
		other := awsconfig.KeySecretAccessKey
		if p.Partial.Key == other {
			other = awsconfig.KeyAccessKeyID
		}
		return sourceChain{}, &Error{Kind: Config, Where: p.Partial.Where(), What: "profile " + display.Quote(p.Name) + " has " + p.Partial.Key + " without " + other, Do: "put both into the same file"}
	}
	again := slices.Contains(chain, p.Name)
	role, from := p.Value(awsconfig.KeyRoleARN), p.Value(awsconfig.KeySourceProfile)
	if again {
		// Met for the second time a profile gives its own credentials: that is how one
		// that is its own source_profile works, and what ends a loop.
		role, from = "", ""
	} else if err := needsRole(p); err != nil {
		return sourceChain{}, err
	}
	nested := len(chain) > 0
	if nested && p.HasKeys() {
		from = "" // a profile that has keys needs no other when it is a source itself
	} else if err := oneCredentialType(p, from); err != nil {
		return sourceChain{}, err
	}
	if role == "" {
		return l.ownCredentials(p, chain, again)
	}

	r := &request.Request{Name: p.Name, Operation: opRole.String(), RoleARN: role, RoleSessionName: p.Value("role_session_name"), ExternalID: p.Value("external_id")}
	if r.RoleSessionName == "" {
		r.RoleSessionName = l.env.sessionName()
	}
	var err error
	if r.Duration, err = profileDuration(p); err != nil {
		return sourceChain{}, err
	}
	where, err := l.sourceEndpoint(p, l.top.region)
	if err != nil {
		return sourceChain{}, err
	}
	where.fill(r)
	chain = append(chain, p.Name)
	var s sourceChain
	switch {
	case from != "":
		next, err := l.lookup(from, p.Get(awsconfig.KeySourceProfile).Where, Config)
		if err != nil {
			return sourceChain{}, err
		}
		if s, err = l.sourceFromProfile(next, chain); err != nil {
			return sourceChain{}, err
		}
	case !p.HasKeys() && p.Value(awsconfig.KeyCredSource) == "" && p.Value(awsconfig.KeyWebIdentity) != "":
		r.Operation, r.ExternalID = opWebIdentity.String(), ""
		r.WebIdentityTokenFile = l.env.expand(p.Value(awsconfig.KeyWebIdentity), "")
		return sourceChain{base: r, profile: p}, nil
	default:
		if s, err = l.ownCredentials(p, chain, false); err != nil {
			return sourceChain{}, err
		}
	}
	r.Base, r.Source = s.base, s.source
	if chained(r) && r.Duration > time.Hour {
		return sourceChain{}, &Error{Kind: Config, Where: p.Where("duration_seconds"), What: "duration_seconds of profile " + display.Quote(p.Name) + " is too long: " + chainedRule}
	}
	serial, err := profileSerial(p)
	if err == nil && serial == "" && longTerm(s) {
		serial, err = l.keySerial(s) // the device of the keys counts for every role made with them
	}
	if err != nil {
		return sourceChain{}, err
	}
	return sourceChain{base: r, profile: s.profile}, l.addSerial(r, serial, s.profile)
}

// longTerm reports whether the credentials of a profile may be those of a user, who shows a code:
// what is temporary has shown it, or has none.
func longTerm(s sourceChain) bool {
	if s.base != nil || s.profile == nil {
		return false
	}
	switch s.source.Kind {
	case request.SourceStatic, request.SourceEnvironment:
		return !s.source.Session
	case request.SourceProcess:
		return true
	}
	return false
}

// needsRole refuses what the SDK refuses: a way to a role without the role.
func needsRole(p *awsconfig.Profile) error {
	if p.Value(awsconfig.KeyRoleARN) != "" {
		return nil
	}
	for _, key := range [...]string{awsconfig.KeySourceProfile, awsconfig.KeyCredSource, awsconfig.KeyWebIdentity} {
		if p.Value(key) != "" {
			do := "add role_arn"
			if key == awsconfig.KeySourceProfile && p.Value(awsconfig.KeyProcess) != "" {
				do = "remove it and name the source in the command: credential_process = sts-helper --source-profile " + p.Value(key)
			}
			return &Error{Kind: Config, Where: p.Where(key), What: "profile " + display.Quote(p.Name) + " has " + key + " without role_arn", Do: do}
		}
	}
	return nil
}

func oneCredentialType(p *awsconfig.Profile, from string) error {
	var found []string
	if from != "" {
		found = append(found, awsconfig.KeySourceProfile)
	}
	for _, key := range [...]string{awsconfig.KeyCredSource, awsconfig.KeyProcess, awsconfig.KeyWebIdentity} {
		if p.Value(key) != "" {
			found = append(found, key)
		}
	}
	if len(found) > 1 {
		return &Error{Kind: Config, Where: p.Where(found[1]), What: "profile " + display.Quote(p.Name) + " has both " + found[0] + " and " + found[1], Do: "remove one of them: AWS SDKs refuse such a profile"}
	}
	return nil
}

// ownCredentials are the credentials that a profile defines itself, in the SDK's order.
func (l *loader) ownCredentials(p *awsconfig.Profile, chain []string, again bool) (sourceChain, error) {
	s := request.Source{Profile: p.Name, Files: p.Files, ConfigFile: l.files().Config.Path, CredentialsFile: l.files().Credentials.Path, CABundle: l.caBundle(p)}
	switch {
	case p.HasKeys():
		s.Kind, s.AccessKeyID = request.SourceStatic, p.Value(awsconfig.KeyAccessKeyID)
		s.Session = p.SessionToken() != ""
		return sourceChain{source: s, profile: p}, checkKeyID(s.AccessKeyID, p.Get(awsconfig.KeyAccessKeyID).Where)
	case p.Value(awsconfig.KeyCredSource) != "":
		return l.credentialSource(p, s)
	case p.HasSSO():
		if err := l.identityCenter(p, &s); err != nil {
			return sourceChain{}, err
		}
	case p.Value(awsconfig.KeyLoginSession) != "":
		if err := l.awsLogin(p, &s); err != nil {
			return sourceChain{}, err
		}
	case p.Value(awsconfig.KeyProcess) != "":
		s.Kind, s.Command, s.Digest = request.SourceProcess, p.Value(awsconfig.KeyProcess), digest(p)
		return sourceChain{source: s, profile: p}, l.selfReference(p)
	case again:
		return sourceChain{}, sourceCycle(p, chain)
	case len(chain) > 0 && chain[0] != p.Name:
		// Only the profile at the top may rely on what the platform offers.
		by := chain[len(chain)-1]
		if by == p.Name {
			by = chain[len(chain)-2]
		}
		return sourceChain{}, &Error{Kind: Config, Where: display.Safe(strings.Join(p.Files, ", ")), What: "profile " + display.Quote(p.Name) + ", the source_profile of " + display.Quote(by) + ", defines no credentials"}
	default:
		container, ok := l.container()
		if ok {
			s.Kind, s.Digest = container.Kind, container.Digest
			break
		}
		s.Kind, s.Digest = request.SourceDefault, digest(l.metadataService(p))
	}
	return sourceChain{source: s, profile: p}, nil
}

// sourceCycle is the error for a chain of source_profiles that comes back to its start.
func sourceCycle(p *awsconfig.Profile, chain []string) error {
	var names []string
	for _, name := range append(slices.Clone(chain[slices.Index(chain, p.Name):]), p.Name) {
		names = append(names, display.Quote(name))
	}
	return &Error{Kind: Config, Where: p.Where(awsconfig.KeySourceProfile), What: "the source_profiles go in a circle: " + strings.Join(names, " -> "),
		Do: "let one of them name a profile that has credentials", Err: ErrLoop}
}

// checkKeyID keeps what is no access key id out of cache keys and messages.
func checkKeyID(key string, from origin) error {
	for i := 0; i < len(key); i++ {
		c := key[i]
		if !('A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_') || len(key) > 128 {
			// The value is not shown: people paste the secret into the wrong place.
			return &Error{Kind: Config, Where: from(), What: "is not an access key id", Do: "it has letters and digits only"}
		}
	}
	return nil
}

// profileDuration is a profile's duration_seconds, 0 for none.
func profileDuration(p *awsconfig.Profile) (time.Duration, error) {
	prop := p.Get("duration_seconds")
	if prop == nil || prop.Value == "" {
		return 0, nil
	}
	d, err := parseDuration(prop.Value)
	if low, high := stsfield.Durations(token.AssumeRole); err != nil || d < low || d > high {
		return 0, &Error{Kind: Config, Where: prop.Where(), What: "duration_seconds " + display.Quote(prop.Value) + " of profile " + display.Quote(p.Name) + " is not a number from 900 to 43200"}
	}
	return d, nil
}
