// Package settings turns settings (flags, STS_HELPER_* variables, our config file, AWS's own
// files and variables) into one validated [request.Request].
//
// It runs at every start of the program, before the cache is looked at, so it reads few
// files, starts nothing, asks no network, and links no SDK. What it reads of AWS's files it
// reads as aws-sdk-go-v2 does.
package settings

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/stsfield"
)

const (
	maxText = 4096 // bytes of one value; STS's longest limit for one we pass on is 2,048
	maxList = 1000 // values of one list
)

// layer is where a value came from.
type layer int

const (
	fromFlag layer = iota
	fromVariable
	fromFile
	fromDefaults // of the fleet
	fromAgent    // [agent] of either file
)

// settingValue is one setting's value and where it came from.
type settingValue struct {
	setting *Setting
	list    []string
	layer   layer
	profile bool // it is of the profile: of its entry, or of the line by which it runs this program
	file    string
	line    int
}

// text is the value of a setting that takes one.
func (g *settingValue) text() string { return g.list[len(g.list)-1] }

// from names the place to change, for errors.
func (g *settingValue) from() string {
	switch g.layer {
	case fromFlag:
		return "--" + g.setting.Flag
	case fromVariable:
		return g.setting.Env
	}
	return g.setting.Key + " (" + fileLine(g.file, g.line) + ")"
}

// kind is what a mistake in the value is.
func (g *settingValue) kind() ErrorKind {
	if g.layer == fromFlag {
		return Usage
	}
	return Config
}

func (g *settingValue) wrong(what, do string) error {
	return &Error{Kind: g.kind(), Where: g.from(), What: what, Do: do}
}

func (g *settingValue) bool() (bool, error) {
	switch strings.ToLower(g.text()) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, g.wrong(display.Quote(g.text())+" is neither true nor false", "")
}

func (g *settingValue) duration() (time.Duration, error) {
	d, err := parseDuration(g.text())
	if err != nil {
		return 0, g.wrong(display.Quote(g.text())+" "+err.Error(), "")
	}
	return d, nil
}

// loader holds what one call of [Load] finds.
type loader struct {
	env    Environment
	values [settingCount]*settingValue
	own    [settingCount]*settingValue // those of the profile, also where a flag or a variable comes before them
	file   *configFile
	fleet  *configFile // nil where there is none
	agent  *agent      // nil where the user asks
	entry  *entry
	aws    *awsconfig.Files
	bare   *awsconfig.Profile // the first that has this call's line, which names no source, where none has an entry
	top    stsEndpoint
	source sourceProfile
}

// Load makes the request that the settings ask for. A flag comes before a variable, a
// variable before the entry of our config file (the one that --profile names, else
// [profile.default] where there is one), that before the fleet's file, and that before AWS's own settings. Where --profile names
// no entry it means the AWS profile of that name: as it runs this program or, where it does not, as the
// source. Every error is an [*Error].
func Load(flags Flags, env Environment) (*request.Request, error) {
	if err := CheckVariables(env); err != nil {
		return nil, err
	}
	l := &loader{env: env}
	if err := l.collect(flags); err != nil {
		return nil, err
	}
	b, err := l.callOptions()
	if err != nil {
		return nil, err
	}
	r, err := l.request()
	if err != nil {
		return nil, err
	}
	for at := r; at != nil; at = at.Base {
		at.CallOptions = b
	}
	l.agent.mark(r)
	if err := l.enforce(r); err != nil {
		return nil, err
	}
	Observe(r, env)
	return r, nil
}

// IsSet reports whether a setting, named by its flag, has a value from anywhere: a flag, a
// variable, or the entry of our config file. Errors are those of [Load].
func IsSet(flags Flags, env Environment, flag string) (bool, error) {
	l := &loader{env: env}
	if err := l.collect(flags); err != nil {
		return false, err
	}
	s, ok := byFlag(flag)
	return ok && l.value(s) != nil, nil
}

// value is the value of a setting, nil where it is not set.
func (l *loader) value(setting id) *settingValue { return l.values[setting] }

// text is the value of a setting, "" where it is not set.
func (l *loader) text(setting id) string {
	if g := l.values[setting]; g != nil {
		return g.text()
	}
	return ""
}

func (l *loader) list(setting id) []string {
	if g := l.values[setting]; g != nil {
		return g.list
	}
	return nil
}

// boolValue is a Bool setting's value, false where it is not set.
func (l *loader) boolValue(setting id) (bool, error) {
	if g := l.values[setting]; g != nil {
		return g.bool()
	}
	return false, nil
}

// path is a Path setting's value made absolute, "" where it is not set.
func (l *loader) path(setting id) string {
	g := l.values[setting]
	if g == nil {
		return ""
	}
	dir := ""
	if g.file != "" {
		dir = filepath.Dir(g.file)
	}
	return l.env.expand(g.text(), dir)
}

// files reads AWS's shared files, once.
func (l *loader) files() *awsconfig.Files {
	if l.aws == nil {
		l.aws = openAWSFiles(l.env)
		if path := l.path(sCredentialsFile); path != "" {
			l.aws.Credentials = openPrivateCredentials(l.env, path)
		}
	}
	return l.aws
}

// collect gathers the values of all settings, each from the first layer that has it.
func (l *loader) collect(flags Flags) error {
	for name, list := range flags {
		setting, ok := byFlag(name)
		if !ok {
			return &Error{Kind: Usage, Where: "--" + name, What: "no such setting"}
		}
		if len(list) > 0 {
			l.values[setting] = &settingValue{setting: &settings[setting], list: list, layer: fromFlag}
		}
	}
	for i := range settings {
		if l.values[i] == nil {
			if v := l.env.Getenv(settings[i].Env); v != "" {
				l.values[i] = &settingValue{setting: &settings[i], list: variable(&settings[i], v), layer: fromVariable}
			}
		}
	}
	if err := l.openEntry(flags); err != nil {
		return err
	}
	if l.entry != nil {
		l.take(l.entry, l.entry.file, fromFile)
	}
	if l.fleet != nil {
		if l.entry != nil {
			l.take(l.fleet.entry(l.entry.name), l.fleet.path, fromFile)
		}
		l.take(&l.fleet.fleet.defaults, l.fleet.path, fromDefaults)
	}
	for i, g := range l.values {
		if g == nil {
			continue
		}
		if len(g.list) == 0 { // an empty list takes nothing away and asks for nothing
			if g = l.own[i]; g == nil || len(g.list) == 0 {
				l.values[i] = nil
				continue
			}
			l.values[i] = g
		}
		if err := g.check(); err != nil {
			return err
		}
	}
	for _, s := range policySettings {
		if g := l.own[s]; g != nil && g != l.values[s] {
			if err := g.check(); err != nil {
				return err
			}
		}
	}
	if g := l.value(sReadOnly); g != nil && !g.profile {
		if on, err := g.bool(); err == nil && !on { // nor does this
			l.values[sReadOnly] = l.own[sReadOnly]
		}
	}
	l.keepOwnLife()
	l.nameAgent()
	if l.path(sCredentialsFile) != "" {
		l.aws = nil // they were read to find the entry, which may name the file
	}
	return nil
}

// take takes from an entry, nil for none, what no layer before it has.
func (l *loader) take(e *entry, file string, from layer) {
	if e == nil {
		return
	}
	for _, v := range e.values {
		value := &settingValue{setting: &settings[v.setting], list: v.list, layer: from, profile: from == fromFile, file: file, line: v.line}
		if from == fromFile {
			if l.own[v.setting] == nil {
				l.own[v.setting] = value
			}
			value = l.own[v.setting]
		}
		if l.values[v.setting] == nil {
			l.values[v.setting] = value
		}
	}
}

// entryNamed finds an entry: the user's, else the fleet's, nil where there is none.
func (l *loader) entryNamed(name string) *entry {
	if e := l.file.entry(name); e != nil {
		return e
	}
	return l.fleet.entry(name)
}

// variable splits the value of a list's variable: at line breaks where it has any, so that a
// value may hold a comma, else at commas.
func variable(s *Setting, v string) []string {
	if s.Kind != List {
		return []string{v}
	}
	sep := ","
	if strings.Contains(v, "\n") {
		sep = "\n"
	}
	var list []string
	for item := range strings.SplitSeq(v, sep) {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// check refuses what could never be meant: nothing at all, and what a terminal would act on.
// A secret's value is not repeated. Lengths and patterns of what STS takes are package sts's
// business.
func (g *settingValue) check() error {
	if len(g.list) > maxList {
		return g.wrong("has more than "+strconv.Itoa(maxList)+" values", "")
	}
	for _, v := range g.list {
		switch {
		case v == "":
			return g.wrong("is empty", "give a value or leave it out")
		case g.setting == &settings[sMFACode]:
			// Package stsfield reads it: a line end, say, of the program that it was copied from is no part of it.
		case len(v) > maxText:
			return g.wrong("is longer than "+strconv.Itoa(maxText)+" bytes", "")
		case !utf8.ValidString(v):
			return g.wrong("is not valid UTF-8", "")
		case !display.Printable(v):
			return g.wrong("has control or formatting characters in it", "remove them")
		}
	}
	return nil
}

// callOptions reads the settings that change how a request is answered, not what it is.
func (l *loader) callOptions() (b request.CallOptions, err error) {
	b.CacheDir = l.path(sCacheDir)
	b.Audit = auditOf(l.env, l.file, l.fleet)
	if b.NoCache, err = l.boolValue(sNoCache); err != nil {
		return b, err
	}
	if b.Verbose, err = l.boolValue(sVerbose); err != nil {
		return b, err
	}
	if g := l.value(sWait); g != nil {
		if b.Wait, err = g.duration(); err != nil {
			return b, err
		}
		b.Wait = max(b.Wait, time.Millisecond) // nothing is not the default: each lock is tried once
		// The SDKs give a credential_process 60 seconds.
		if b.Wait > 55*time.Second {
			return b, g.wrong(display.Duration(b.Wait)+" is more than 55s, and programs give up after 60s", "")
		}
	}
	if g := l.value(sMFACode); g != nil {
		if b.MFACode, err = stsfield.ParseCode(g.text()); err != nil {
			return b, g.wrong("is no MFA code: "+err.Error(), "")
		}
	}
	b.MFAProcess = l.text(sMFAProcess)
	b.Prompt = "auto"
	if g := l.value(sPrompt); g != nil {
		b.Prompt = g.text()
		switch b.Prompt {
		case "auto", "tty", "dialog", "never":
		default:
			return b, g.wrong(display.Quote(b.Prompt)+" is none of auto, tty, dialog, never", "")
		}
	}
	return b, nil
}
