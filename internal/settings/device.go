package settings

import (
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
)

// serial decides which MFA device a request shows, and where in its chain.
func (l *loader) serial(r *request.Request, s sourceChain) error {
	if g := l.value(sMFASerial); g != nil && g.layer != fromDefaults {
		if what := noCodes(g.text()); what != "" {
			return g.wrong(what, noCodesDo)
		}
		return l.forceSerial(r, g.text(), s.profile)
	}
	// A role from the profile has had its serial from there already.
	if s.base != nil {
		return nil
	}
	serial, err := l.keySerial(s)
	if err != nil {
		return err
	}
	if r.Operation == opSession.String() {
		r.SerialNumber = serial
		return nil
	}
	return l.addSerial(r, serial, s.profile)
}

// keySerial is the device of the credentials themselves: what their profile names, else, for a long-term
// key, what the fleet's defaults do.
func (l *loader) keySerial(s sourceChain) (string, error) {
	if s.serial != "" {
		return s.serial, nil
	}
	if s.profile != nil {
		if serial, err := profileSerial(s.profile); err != nil || serial != "" {
			return serial, err
		}
	}
	g := l.value(sMFASerial)
	if g == nil || g.layer != fromDefaults || s.base != nil {
		return "", nil
	}
	if !s.source.LongTerm() {
		return "", nil
	}
	return g.text(), nil
}

// profileSerial is the device that a profile names, "" for none.
func profileSerial(p *awsconfig.Profile) (string, error) {
	serial := p.Value(awsconfig.KeyMFASerial)
	if what := noCodes(serial); what != "" {
		return "", &Error{Kind: Config, Where: p.Where(awsconfig.KeyMFASerial), What: what, Do: noCodesDo}
	}
	return serial, nil
}

const noCodesDo = "name a device that shows codes; docs/mfa.md says how the key can be one"

// noCodes says of a device that it cannot give a code, "" where it may. IAM's name for both kinds of
// security key is u2f (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
func noCodes(serial string) string {
	if arn, ok := awsname.ParseARN(serial); ok {
		if kind, _, _ := strings.Cut(strings.ToLower(arn.Resource), "/"); kind == "u2f" || kind == "fido" || kind == "fido2" {
			return display.Quote(serial) + " is a security key (U2F or FIDO): it works in the console, and shows no code that STS takes"
		}
	}
	return ""
}

// checkDevice refuses a code, or a command for one, that no device asks for: the request would be made
// without MFA, and nothing said.
func (l *loader) checkDevice(r *request.Request, op opSet) error {
	for at := r; at != nil; at = at.Base {
		if at.SerialNumber != "" {
			return nil
		}
	}
	for _, setting := range [...]id{sMFACode, sMFAProcess} {
		g := l.value(setting)
		switch {
		case g == nil, g.layer == fromDefaults, g.layer != fromFile && l.env.OneOfMany:
		case op != opSession && op != opRole && op != opScope:
			// A variable may be there for other requests; a flag and an entry are for this one.
			if g.layer != fromVariable {
				return g.wrong("does not go with "+r.Operation+", which takes no MFA code", "remove it")
			}
		default:
			return g.wrong("no MFA device is named that the code would be of", "name it in --mfa-serial, or in mfa_serial of the profile with the keys")
		}
	}
	return nil
}

// forceSerial puts a named device where a user's keys sign: no device belongs to a role.
func (l *loader) forceSerial(r *request.Request, serial string, owner *awsconfig.Profile) error {
	in := r.Bottom()
	if in.Operation == opSession.String() {
		in.SerialNumber = serial
		return nil
	}
	if in.Operation == opWebIdentity.String() {
		return l.value(sMFASerial).wrong("does not go with a role that is assumed with a web identity token", "remove it")
	}
	in.SerialNumber = ""
	return l.addSerial(in, serial, owner)
}

// addSerial lets a role be assumed with an MFA device. With a user's keys that happens
// through a session: the code is asked for once there, and serves every role of the device
// for as long as the session lives. owner is the profile of the keys, nil for none.
func (l *loader) addSerial(r *request.Request, serial string, owner *awsconfig.Profile) error {
	if serial == "" {
		return nil
	}
	if r.Base != nil || !r.Source.LongTerm() {
		r.SerialNumber = serial
		return nil
	}
	session, err := l.mfaSession(r.Source, serial, owner)
	if err != nil {
		return err
	}
	r.Base, r.Source = session, request.Source{}
	return nil
}

// mfaSession is the request for the session of a user's keys that an MFA device was shown for.
func (l *loader) mfaSession(source request.Source, serial string, owner *awsconfig.Profile) (*request.Request, error) {
	name := "default"
	if source.Stored != nil {
		name = source.Stored.Name
	} else if source.Profile != "" {
		name = source.Profile
	} else if owner == nil && !l.source.named {
		owner = l.source.profile // lends its region to the environment's keys
	}
	session := &request.Request{Name: name, Operation: opSession.String(), Source: source, SerialNumber: serial}
	where, err := l.sourceEndpoint(owner, defaultRegion)
	if err != nil {
		return nil, err
	}
	where.fill(session)
	return session, nil
}
