// Package setup takes existing AWS profiles over, so that their credentials come from this
// program, and takes that back. It plans in memory, writes whole files at once with a backup
// beside each, and keeps a journal by which everything can be undone.
//
// A profile keeps its name and whatever else it says. What would win over its credential_process
// in some SDK (role_arn, sso_*, login_session, keys) moves: to config.toml, to a source profile
// beside it, and keys to a credentials file that only this program is told of.
package setup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/awsedit"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// maxFile bounds every file, in bytes, as package settings does.
const maxFile = 8 << 20

// Options are what the user wants.
type Options struct {
	// Profiles names those to take over; empty for all that can be without moving a key.
	Profiles []string
	// MoveKeys takes profiles with a long-term key over as well, and moves the key.
	MoveKeys bool
	// Store says that moved keys go into a store of package keystore, and not into the file: the caller puts
	// those of [Plan.StoredKeys] there before [Plan.Apply].
	Store bool
	// Stored are the ids of the keys that are in a store by their names.
	Stored map[string]string
	// Program is the command for credential_process, "sts-helper" or an absolute path.
	Program string
}

// KeysFile is the credentials file that only this program is told of, "" where there is no home directory.
func KeysFile(env settings.Environment) string {
	toml := settings.ConfigPath(env)
	if toml == "" {
		return ""
	}
	return filepath.Join(filepath.Dir(toml), "credentials")
}

// Action is what happens to a profile.
type Action string

// The actions.
const (
	Take  Action = "take over"
	Leave Action = "leave"
	Done  Action = "done" // it runs this program already
	New   Action = "new"
)

// Profile is a profile and what happens to it.
type Profile struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"` // access key, role, identity center, aws login, aws-vault, granted, saml2aws, aws-mfa, process, other
	Action Action `json:"action"`
	Reason string `json:"reason,omitempty"` // why it is left
}

// Plan is what would be changed.
type Plan struct {
	Profiles []Profile

	env                          settings.Environment
	opts                         Options
	files                        *awsconfig.Files
	beside                       map[string]string // the profile that has what gave another its credentials
	config, creds, toml, private *file
	entries                      []string            // of config.toml, those to come among them
	moved                        map[string][]string // what each profile loses: keys of its sections
	sources                      []settings.EntrySource
	movedKeys                    map[string]bool // profiles whose key is in the private file, or will be
	storedKeys                   []Key           // that the caller puts into a store
}

// file is a file that may change.
type file struct {
	path   string // as it is named
	real   string // behind its links
	exists bool
	mode   fs.FileMode
	before []byte
	edit   *awsedit.File
}

// NewPlan reads the files, and decides what happens to each profile.
func NewPlan(env settings.Environment, opts Options) (*Plan, error) {
	p, err := open(env, opts)
	if err != nil {
		return nil, err
	}
	if err := p.survey(); err != nil {
		return nil, err
	}
	return p, p.check()
}

// open reads the files.
func open(env settings.Environment, opts Options) (*Plan, error) {
	p := &Plan{env: env, opts: opts, moved: map[string][]string{}, movedKeys: map[string]bool{}, beside: map[string]string{}}
	var err error
	if p.files, err = settings.SharedFiles(env); err != nil {
		return nil, err
	}
	if p.entries, err = settings.Names(env); err != nil {
		return nil, err
	}
	if p.sources, err = settings.EntrySources(env); err != nil {
		return nil, err
	}
	toml := settings.ConfigPath(env)
	if toml == "" || p.files.Config.Path == "" {
		return nil, failure.Configf("there is no home directory, so there are no files to set up").Do("set HOME")
	}
	for _, f := range []struct {
		into **file
		path string
		kind awsedit.Kind
	}{
		{&p.config, p.files.Config.Path, awsedit.Config}, {&p.creds, p.files.Credentials.Path, awsedit.Credentials},
		{&p.toml, toml, awsedit.Plain}, {&p.private, KeysFile(env), awsedit.Credentials},
	} {
		if *f.into, err = openFile(f.path, f.kind); err != nil {
			return nil, &failure.Error{Class: failure.Configuration, Text: display.Safe(f.path) + ": " + err.Error(), Err: err, Final: true}
		}
	}
	for _, name := range p.files.ProfileNames() {
		if p.private.edit.HasKey(name, awsconfig.KeyAccessKeyID) {
			p.movedKeys[name] = true
		}
	}
	return p, nil
}

func openFile(path string, kind awsedit.Kind) (*file, error) {
	real, err := realPath(path)
	if err != nil {
		return nil, err
	}
	f := &file{path: path, real: real, mode: 0o600}
	data, info, err := safefile.Read(real, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := safefile.CheckRewrite(info); err != nil {
			return nil, err
		}
		f.exists, f.mode, f.before = true, info.Mode().Perm(), data
	}
	if kind == awsedit.Plain { // which is TOML, where the mark does no harm
		data = []byte(strings.TrimPrefix(string(data), "\ufeff"))
		if len(data) != len(f.before) {
			return nil, awsedit.ErrByteOrderMark
		}
	}
	f.edit, err = awsedit.Parse(f.before, kind)
	return f, err
}

// realPath is the file that a path means in the end, behind its links. A path where nothing is
// means itself, or what a link to nothing names.
func realPath(path string) (string, error) {
	for range 40 { // as many links as Linux follows
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", errors.New(display.Innermost(err))
	}
	return filepath.Join(dir, filepath.Base(path)), nil
}

// all are the files in the order in which they are written: a key is in its new place before it
// leaves the old one.
func (p *Plan) all() []*file { return []*file{p.private, p.toml, p.config, p.creds} }

// Change is a file that changes.
type Change struct {
	Path string `json:"path"`
	Diff string `json:"diff"` // unified; secrets are not shown
}

// Changes are the files that change.
func (p *Plan) Changes() []Change {
	var all []Change
	for _, f := range []*file{p.config, p.creds, p.toml, p.private} {
		from := f.path
		if !f.exists {
			from = os.DevNull
		}
		if diff := f.edit.Diff(display.Safe(from), display.Safe(f.path), masked); diff != "" {
			all = append(all, Change{f.path, diff})
		}
	}
	return all
}

// masked is a line as it is shown: the value of whatever may be a secret is not.
func masked(line string) string {
	low := strings.ToLower(line)
	for _, secret := range []string{"secret", "token", "password"} {
		if i := strings.IndexAny(line, "=:"); i >= 0 && strings.Contains(low[:i], secret) && !strings.Contains(low[:i], "token_file") {
			return display.Safe(line[:i+1]) + " (not shown)"
		}
	}
	return display.Safe(line)
}

// Taken are the names of the profiles that will run this program, or are new.
func (p *Plan) Taken() []string {
	var all []string
	for _, q := range p.Profiles {
		if q.Action == Take || q.Action == New {
			all = append(all, q.Name)
		}
	}
	return all
}

// check reads the changed files as programs will, and refuses a change that does more than is
// meant: whatever the reader makes of odd lines, no other profile may say anything else.
func (p *Plan) check() error {
	after := &awsconfig.Files{
		Config:      awsconfig.File{Path: p.files.Config.Path, Data: p.config.edit.Bytes()},
		Credentials: awsconfig.File{Path: p.files.Credentials.Path, Data: p.creds.edit.Bytes()},
	}
	if !p.config.edit.Changed() && !p.creds.edit.Changed() {
		return nil
	}
	seen := map[string]bool{}
	for _, name := range p.files.ProfileNames() {
		if seen[name] {
			continue
		}
		seen[name] = true
		gone, taken := p.moved[name]
		want, got := said(p.files.Profile(name), gone), said(after.Profile(name), nil)
		if taken {
			got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, awsconfig.KeyProcess+"=") })
		}
		if !slices.Equal(want, got) {
			return failure.Configf("profile %s of %s cannot be changed without changing what else is said around it", display.Quote(name), display.Safe(p.config.path)).
				Do("look for odd indentation there, or name the profiles to take over")
		}
	}
	return nil
}

// said is what a profile says but for some keys, sorted.
func said(p *awsconfig.Profile, without []string) []string {
	if p == nil {
		return nil
	}
	var all []string
	var add func(prefix string, props []awsconfig.Property)
	add = func(prefix string, props []awsconfig.Property) {
		for _, q := range props {
			if prefix == "" && slices.Contains(without, q.Key) {
				continue
			}
			if q.Value != "" {
				all = append(all, prefix+q.Key+"="+q.Value)
			}
			add(prefix+q.Key+".", q.Sub)
		}
	}
	add("", p.Props)
	slices.Sort(all)
	return all
}
