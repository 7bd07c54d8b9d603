package settings

import (
	"slices"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// sourceNames are what allowed_sources may have: the kinds of source, and what takes a source's
// place.
var sourceNames = [...]string{
	string(request.SourceStatic), string(request.SourceEnvironment), string(request.SourceProcess), string(request.SourceSSO),
	string(request.SourceLogin), string(request.SourceContainer), string(request.SourceInstance), string(request.SourceCommand),
	string(request.SourceCertificate), string(request.SourceKey), string(request.SourceDefault), webIdentitySource, samlSource, grantedSource,
}

const (
	webIdentitySource = "web-identity"
	samlSource        = "saml"
	grantedSource     = "granted"
)

// MayGrantPlain is the error where the fleet's policy forbids credentials that are not sealed.
func MayGrantPlain(env Environment) error {
	f, err := openFleetFile(env)
	if err != nil || f == nil {
		return err
	}
	if r := f.fleet.policy.grantPlain; r.line != 0 && !r.value {
		return f.forbids(r.line, "credentials are not granted without a seal", "seal them with --to, --to-github-keys or --passphrase")
	}
	return nil
}

// forbids is the error for what a line of the fleet's policy does not allow.
func (f *configFile) forbids(line int, what, do string) error {
	return f.wrong(line, "this machine's policy: "+what, do)
}

// enforce holds r to the fleet's policy: what was asked for beyond it is refused, and where nothing was
// asked for, the operation's default is lowered to it.
func (l *loader) enforce(r *request.Request) error {
	if l.fleet == nil {
		return nil
	}
	p := &l.fleet.fleet.policy
	bottom := r.Bottom()
	if err := l.allowed(bottom); err != nil {
		return err
	}
	if p.requireMFA.value {
		if err := l.mfaRequired(r, bottom); err != nil {
			return err
		}
	}
	for at := r; at != nil; at = at.Base {
		limit, key := p.maxDuration, keyMaxDuration.Key
		if at != r && at.Operation == opSession.String() {
			limit, key = p.maxSession, keyMaxSession.Key
		}
		if limit.line == 0 || at.Granted != "" {
			continue
		}
		op := token.Operation(at.Operation)
		switch {
		case at.Duration > limit.value:
			return l.fleet.forbids(limit.line, key+" is "+display.Duration(limit.value)+", and "+display.Duration(at.Duration)+" is asked for"+l.askedIn(at, r), "ask for no more")
		case at.Duration == 0 && (stsfield.DefaultDuration(op) > limit.value || at == r && at.Scoped()): // which lives as long as its base
			at.Duration = limit.value
		}
	}
	if p.maxDuration.line != 0 {
		r.MaxLife = request.Limit{Life: p.maxDuration.value, Where: fileLine(l.fleet.path, p.maxDuration.line)}
	}
	return nil
}

// askedIn says where the life of at, which r is made from, is asked for.
func (l *loader) askedIn(at, r *request.Request) string {
	setting := sDuration
	if at != r {
		setting = sSessionDuration
	}
	if g := l.value(setting); g != nil {
		if d, err := g.duration(); err == nil && d == at.Duration {
			return " by " + g.from()
		}
	}
	return " by duration_seconds of AWS profile " + display.Quote(at.Name)
}

// allowed refuses what another source would sign than the policy allows; r is at the bottom of what is
// asked for.
func (l *loader) allowed(r *request.Request) error {
	rule := l.fleet.fleet.policy.allowedSources
	if rule.line == 0 {
		return nil
	}
	name := string(r.Source.Kind)
	switch {
	case r.Granted != "":
		name = grantedSource
	case r.Operation == opWebIdentity.String():
		name = webIdentitySource
	case r.Operation == opSAML.String():
		name = samlSource
	}
	if slices.Contains(rule.value, name) {
		return nil
	}
	of := ""
	if r.Source.Profile != "" {
		of = " (AWS profile " + display.Quote(r.Source.Profile) + ")"
	}
	may := "no source at all"
	if len(rule.value) > 0 {
		may = "only " + strings.Join(rule.value, ", ")
	}
	return l.fleet.forbids(rule.line, "allowed_sources has "+may+", and the source is "+name+of, "use one that is allowed")
}

// mfaRequired refuses what is made with a long-term key and no code of an MFA device. What a source other than
// keys in plain sight gives, and what else is asked for with the request's source, is known when that signs.
func (l *loader) mfaRequired(r, bottom *request.Request) error {
	line := l.fleet.fleet.policy.requireMFA.line
	if bottom.Granted != "" {
		return nil
	}
	for at := r; at != nil; at = at.Base {
		at.NoLongTermKey = fileLine(l.fleet.path, line)
	}
	switch {
	case bottom.SerialNumber != "" || !bottom.Source.LongTerm():
		return nil
	case bottom.Operation == opFederation.String():
		return l.fleet.forbids(line, "require_mfa is true, and GetFederationToken takes no MFA code", "assume a role with --role-arn and --mfa-serial")
	}
	return l.fleet.forbids(line, "require_mfa is true, and no MFA device is named for the long-term key "+display.Safe(bottom.Source.AccessKeyID),
		"name it in --mfa-serial, or mfa_serial of the profile with the key; --mfa-serial auto finds it")
}

// defaultDuration reports whether r's life is asked for by [defaults] alone, which asks for nothing by itself.
func (l *loader) defaultDuration() bool {
	g := l.value(sDuration)
	return g != nil && g.layer == fromDefaults
}

// clamp keeps a life of [defaults], which is for all operations, within those of one.
func clamp(d, low, high time.Duration) time.Duration { return min(max(d, low), high) }
