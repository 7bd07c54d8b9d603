package settings

import (
	"io/fs"
	"slices"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// The fleet's file is a config.toml for all users of a machine: entries and [defaults] that users may
// override, and a [policy] that they may not. Its path is the system's and no variable changes it.

// FleetFile is the path of the fleet's file, and whether it is in force: it may be absent.
func FleetFile(env Environment) (path string, there bool, err error) {
	f, err := openFleetFile(env)
	return env.fleetFile(), f != nil, err
}

func (e Environment) fleetFile() string {
	if e.fleet != "" {
		return e.fleet
	}
	return fleetFile()
}

// openFleetFile reads the fleet's file, nil where there is none. One that is there and cannot be read, or
// that others than root could have written, is an error: a policy is not passed over.
func openFleetFile(env Environment) (*configFile, error) {
	path := env.fleetFile()
	if path == "" {
		return nil, nil
	}
	data, info, err := env.readFile(path)
	if err != nil {
		if absent(err) {
			return nil, nil
		}
		return nil, &Error{Kind: Config, Where: display.Safe(path), What: "cannot read this machine's settings: " + err.Error(), Do: "the administrator of this machine can mend it", Err: err}
	}
	check := checkFleetFile
	if env.fleet != "" {
		check = func(string, fs.FileInfo) error { return safefile.CheckTrusted(info) }
	}
	if err := check(path, info); err != nil {
		return nil, &Error{Kind: Config, Where: display.Safe(path), What: "cannot be this machine's settings: " + err.Error(), Do: "the administrator of this machine can mend it", Err: err}
	}
	f := &configFile{path: path, data: data, fleet: &fleet{}}
	return f, f.parse()
}

// fleet is what only the fleet's file has.
type fleet struct {
	defaults entry
	policy   fleetPolicy
}

// fleetPolicy is what no setting of a user loosens; a rule that is not there has line 0.
type fleetPolicy struct {
	maxDuration, maxSession rule[time.Duration]
	allowedSources          rule[[]string]
	grantPlain, requireMFA  rule[bool]
}

type rule[T any] struct {
	value T
	line  int
}

// The keys of [policy].
var (
	keyMaxDuration    = Setting{Key: "max_duration", Kind: Duration, Help: "longest life of credentials that are handed out"}
	keyMaxSession     = Setting{Key: "max_session_duration", Kind: Duration, Help: "longest life of the MFA session behind roles"}
	keyAllowedSources = Setting{Key: "allowed_sources", Kind: List, Help: "kinds of source that may sign; all others are refused"}
	keyGrantPlain     = Setting{Key: "grant_plain", Kind: Bool, Help: "false forbids grant --plain"}
	keyRequireMFA     = Setting{Key: "require_mfa", Kind: Bool, Help: "true refuses what is made with a long-term key and without an MFA code"}
)

var policyKeys = [...]*Setting{&keyMaxDuration, &keyMaxSession, &keyAllowedSources, &keyGrantPlain, &keyRequireMFA}

// PolicyKeys are the keys of [policy] in the fleet's file.
func PolicyKeys() (all []Setting) {
	for _, s := range policyKeys {
		all = append(all, *s)
	}
	return all
}

// defaultable are the settings that [defaults] may have: how credentials are asked for, and not whose.
var defaultable = [...]id{sDuration, sSessionDuration, sRegion, sEndpointURL, sFIPS, sDualStack, sCacheDir, sNoCache, sWait, sVerbose,
	sRoleSessionName, sMFASerial, sMFAProcess, sPrompt}

// openFleet checks the name of a section that only the fleet's file has.
func (w *walk) openFleet(parts []string, line int) error {
	if w.file.fleet == nil {
		return w.file.wrong(line, "section ["+sectionText(parts)+"] is for a whole machine", "its administrator writes it into "+display.Safe(fleetFile()))
	}
	if len(parts) > 1 {
		return w.file.wrong(line, "unknown section ["+sectionText(parts)+"]", "["+parts[0]+"] has no sections of its own")
	}
	return nil
}

// assignFleet stores a value of [defaults] or [policy].
func (w *walk) assignFleet(path []string, line int, value *unstable.Node) error {
	if len(path) != 2 {
		return w.file.wrong(line, display.Quote(sectionText(path))+" is no key", "write ["+path[0]+"], and keys under it")
	}
	if err := w.openFleet(path[:1], line); err != nil {
		return err
	}
	if path[0] == "policy" {
		return w.policy(path[1], line, value)
	}
	setting, ok := byKey(path[1])
	if !ok {
		return w.unknown(path[1], line)
	}
	if !slices.Contains(defaultable[:], setting) {
		return w.file.wrong(line, display.Quote(path[1])+" says whose credentials are meant, and does not belong into [defaults]", "put it under [profile.NAME]")
	}
	return w.add(&w.file.fleet.defaults, setting, line, value)
}

// policy stores a rule.
func (w *walk) policy(key string, line int, value *unstable.Node) error {
	i := slices.IndexFunc(policyKeys[:], func(s *Setting) bool { return s.Key == key })
	if i < 0 {
		return w.unknownIn("policy", key, line, PolicyKeys())
	}
	list, err := w.value(policyKeys[i], line, value)
	if err != nil {
		return err
	}
	g := &settingValue{setting: policyKeys[i], list: list, layer: fromFile, file: w.file.path, line: line}
	p := &w.file.fleet.policy
	switch g.setting {
	case &keyMaxDuration:
		err = set(w, &p.maxDuration, g, (*settingValue).lifeLimit)
	case &keyMaxSession:
		err = set(w, &p.maxSession, g, (*settingValue).lifeLimit)
	case &keyAllowedSources:
		err = set(w, &p.allowedSources, g, (*settingValue).sourceNames)
	case &keyGrantPlain:
		err = set(w, &p.grantPlain, g, (*settingValue).bool)
	case &keyRequireMFA:
		err = set(w, &p.requireMFA, g, (*settingValue).bool)
	}
	return err
}

// set stores a rule that is given once.
func set[T any](w *walk, r *rule[T], g *settingValue, parse func(*settingValue) (T, error)) error {
	if r.line != 0 {
		return w.twice(g.setting.Key, g.line, r.line)
	}
	if len(g.list) > 0 {
		if err := g.check(); err != nil {
			return err
		}
	}
	v, err := parse(g)
	*r = rule[T]{v, g.line}
	return err
}

// lifeLimit is a limit of a life, which no operation takes below 15 minutes.
func (g *settingValue) lifeLimit() (time.Duration, error) {
	d, err := g.duration()
	if low, _ := stsfield.Durations(token.GetSessionToken); err == nil && d < low {
		return 0, g.wrong(display.Duration(d)+" is too short: STS gives no credentials for less than "+display.Duration(low), "")
	}
	return d, err
}

func (g *settingValue) sourceNames() ([]string, error) {
	for _, name := range g.list {
		if !slices.Contains(sourceNames[:], name) {
			return nil, g.wrong(display.Quote(name)+" is no kind of source", oneOf(name, sourceNames[:]))
		}
	}
	return g.list, nil
}
