package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/child"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/doctor"
	"github.com/sts-helper/sts-helper/internal/mfa"
	"github.com/sts-helper/sts-helper/internal/remaining"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/setup"
	"github.com/sts-helper/sts-helper/sts"
)

// examiner collects what is wrong.
type examiner struct {
	p     *program
	ctx   context.Context
	names []string
	files *awsconfig.Files

	all       []doctor.Finding
	sdks      []profileChoices
	looked    map[string]bool   // files, caches and endpoints
	asked     map[string]string // see [broker.Provider.Examine]
	endpoints int
}

// found adds what was not found before.
func (x *examiner) found(all ...doctor.Finding) {
	for _, f := range all {
		if !slices.Contains(x.all, f) {
			x.all = append(x.all, f)
		}
	}
}

// problem adds a problem whose text comes from elsewhere.
func (x *examiner) problem(check, profile, where, problem, mend string) {
	x.found(doctor.Finding{Check: check, Level: doctor.Problem, Profile: profile, Where: display.Safe(where), Problem: display.Safe(problem), Mend: mend})
}

// first reports whether something is met for the first time.
func (x *examiner) first(what string) bool {
	before := x.looked[what]
	x.looked[what] = true
	return !before
}

// shared checks what is shared by all profiles: AWS's files, ours, and the variables.
func (x *examiner) shared(names []string) (err error) {
	env := x.p.env
	if x.names = names; len(names) == 0 {
		if x.names, err = settings.KnownNames(env); err != nil {
			return err
		}
	}
	if x.files, err = settings.SharedFiles(env); err != nil {
		return err
	}
	running := settings.AWSNames(env)
	x.found(x.p.profileFindings(x.files, x.names)...)
	for _, name := range x.names {
		p := x.files.Profile(name)
		if p != nil && (len(names) > 0 || slices.Contains(running, name)) {
			x.sdks = append(x.sdks, profileChoices{display.Safe(name), doctor.SDKs(x.files, p, env.Getenv)})
		}
	}
	if s, ok, err := settings.UnruledAgent(env); err != nil {
		return err
	} else if ok && len(x.names) > 0 {
		x.found(doctor.Agent(s.Variable, s.Name))
	}
	x.modes()
	return nil
}

// profileFindings is what is wrong with AWS profiles that run this program, as far as AWS's files and variables
// show it.
func (p *program) profileFindings(files *awsconfig.Files, names []string) (all []doctor.Finding) {
	running := settings.AWSNames(p.env)
	self, _ := os.Executable()
	programs := doctor.Programs{
		Find: func(name string) (string, error) { return child.Find(name, p.env.Getenv("PATH")) },
		Ours: func(file string) bool { return sameFile(file, self) },
	}
	for _, name := range names {
		if profile := files.Profile(name); profile != nil && slices.Contains(running, name) {
			all = append(all, doctor.Profile(files, profile, programs)...)
		}
	}
	if len(running) > 0 {
		all = append(all, doctor.Environment(p.env.Getenv, p.env.Getenv(execVariable) != "")...)
	}
	return all
}

// passedOver are the problems by which programs do not get what the profiles named, or all of them, give; one
// line each. A look at the cache alone would call such profiles good.
func (p *program) passedOver(names []string) (lines []string) {
	files, err := settings.SharedFiles(p.env)
	if err != nil {
		return nil // which is said by what reads them
	}
	if len(names) == 0 {
		names = settings.AWSNames(p.env)
	}
	for _, f := range p.profileFindings(files, names) {
		if f.Level == doctor.Problem {
			lines = append(lines, f.String())
		}
	}
	return lines
}

// sameFile reports whether two paths lead to one file.
func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// modes checks who may read and write the files that everything builds on.
func (x *examiner) modes() {
	x.secret(x.files.Credentials.Path)
	for _, path := range []string{x.files.Config.Path, settings.ConfigPath(x.p.env)} {
		if info, err := safefile.StatPath(path); err == nil {
			x.found(doctor.Settings(path, info)...)
		}
	}
	home := x.p.env.HomeDir()
	for _, kind := range []string{"sso", "login"} { // where AWS's tools keep logins
		logins, _ := filepath.Glob(filepath.Join(home, ".aws", kind, "cache", "*.json"))
		for _, path := range logins {
			x.secret(path)
		}
	}
}

// secret checks a file with keys.
func (x *examiner) secret(path string) {
	if info, err := safefile.StatPath(path); err == nil && x.first(path) {
		x.found(doctor.Secret(path, info)...)
	}
}

// profile checks one profile: its settings, its cache, and the STS that it asks.
func (x *examiner) profile(name string) {
	t, err := x.p.target(name, nil, x.p.looking(), broker.Options{NonInteractive: true})
	if err != nil {
		check, mend := "configuration", "correct what the line names"
		if e, ok := errors.AsType[*settings.Error](err); ok && errors.Is(err, settings.ErrAgentRefused) {
			x.problem("agent", display.Safe(name), e.Where, e.What, e.Do)
			return
		}
		switch {
		case errors.Is(err, settings.ErrLoop):
			check = "loop"
		case errors.Is(err, mfa.ErrNotOne):
			check = "mfa-device"
		}
		x.problem(check, display.Safe(name), "", err.Error(), mend)
		return
	}
	session := t.Provider
	for session.Base() != nil && session.Base().Request().Source.Login == nil && !session.Base().Request().OfSource() {
		session = session.Base()
	}
	if session == t.Provider {
		x.found(doctor.Lifetime(t.name, t.Lifetime(), 0)...)
	} else {
		x.found(doctor.Lifetime(t.name, t.Lifetime(), session.Lifetime())...)
	}
	if f := x.p.readableKey(t); f != nil {
		x.found(*f)
	}
	x.cache(t)
	if t.Request().Granted != "" {
		return
	}
	if x.ask(t) {
		return // which explains a failure
	}
	if message, class, ago := t.LastFailure(); message != "" && ago < failureShown {
		check := "last-attempt"
		if strings.Contains(message, regionDisabled) {
			check = "region-disabled"
		}
		x.problem(check, t.name, "", "the last attempt, "+remaining.Text(ago)+" ago, failed ("+string(class)+"): "+message, "mend that, then run: sts-helper login "+display.ShellWord(t.name))
	}
}

// readableKey is what there is to say about a long-term key of t that every program reads, nil for nothing.
func (p *program) readableKey(t *target) *doctor.Finding {
	id, profile, file := t.LongTermKey()
	files, err := settings.SharedFiles(p.env)
	if id == "" || err != nil || file != files.Config.Path && file != files.Credentials.Path {
		return nil
	}
	_, err = setup.NewPlan(p.env, setup.Options{Profiles: []string{profile}, MoveKeys: true, Program: ourselves()})
	f := doctor.Readable(profile, id, file, err == nil)
	return &f
}

// cache checks where t's credentials are kept.
func (x *examiner) cache(t *target) {
	c, err := t.Cache()
	if err != nil {
		check := "cache"
		switch {
		case !errors.Is(err, cache.ErrUnsafe):
		case safefile.KindOf(err) == safefile.OtherOwner:
			check = "owner"
		case safefile.KindOf(err) == safefile.OthersMayUse:
			check = "mode"
		}
		x.problem(check, "", "", err.Error(), "name a directory of yours with --cache-dir")
		return
	}
	if c == nil || !x.first("cache "+c.Path()) {
		return
	}
	if problem := broker.CacheProblem(c); problem != "" {
		x.problem("cache", "", "", problem, "make room there, or name a directory of yours with --cache-dir")
	} else if err := c.CheckLocks(); err != nil {
		x.problem("locks", "", c.Path(), err.Error(), "name a directory on a local disk with --cache-dir or STS_HELPER_CACHE_DIR")
	}
	x.found(doctor.Place(c.Path(), safefile.NetworkFileSystem(c.Path()))...)
}

// regionDisabled is the code of STS for a region where the account has not activated it.
const regionDisabled = "RegionDisabledException"

// ask asks t's STS what it says without giving credentials, and reports whether something is wrong.
func (x *examiner) ask(t *target) (wrong bool) {
	waited := x.p.waitsFor("the STS of " + t.name)
	e, err := t.Examine(x.ctx, x.asked)
	waited()
	if err != nil {
		check := "configuration"
		if strings.Contains(strings.ToLower(err.Error()), "ca_bundle") {
			check = "ca-bundle"
		}
		x.problem(check, t.name, "", err.Error(), "correct what the line names")
		return true
	}
	if x.first("endpoint " + e.URL) {
		x.endpoints++
	}
	if e.Unreachable != "" {
		x.problem("endpoint", "", e.URL, "it does not answer: "+e.Unreachable, "look at the network, HTTPS_PROXY, AWS_CA_BUNDLE and --endpoint-url")
		return true
	}
	clock := doctor.Clock(e.Here, e.Time, display.Safe(e.URL))
	x.found(clock...)
	if e.Refused != nil && len(clock) == 0 {
		x.refused(t, e)
		return true
	}
	if e.Device != "" {
		has := "none"
		if len(e.Devices) > 0 {
			has = strings.Join(e.Devices, ", ")
		}
		x.problem("mfa-device", t.name, "", "the user of key "+e.KeyID+" has no MFA device "+e.Device+"; IAM knows: "+has, "name one of the user's in mfa_serial, or let it be auto")
	}
	return len(clock) > 0 || e.Device != ""
}

// refused says what STS has against the key.
func (x *examiner) refused(t *target, e broker.Examination) {
	switch r := e.Refused; {
	case r.Code == regionDisabled:
		x.problem("region-disabled", t.name, e.URL, "STS is not activated there for the account of key "+e.KeyID, "let region be another one, or have STS activated in this one")
	case r.Class == sts.Unreachable || r.Class == sts.Unavailable || r.Class == sts.BadAnswer || r.Class == sts.Throttled:
		x.problem("endpoint", "", e.URL, r.Error(), "look at the network and at the endpoint")
	case r.Class == sts.ClockWrong:
		x.problem("clock", "", e.URL, r.Error(), "set the clock")
	default:
		x.problem("key-refused", t.name, e.URL, "it does not take key "+e.KeyID+": "+r.Error(), "make a new access key, or, where the key is good, name a region that the account has enabled")
	}
}
