package setup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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

// journal is what was written, the last run last, so that it can be undone. It holds no line of a
// file, only hashes of those that were added: what was taken out is in the backups.
type journal struct {
	Version int     `json:"version"`
	Stages  []stage `json:"stages"`
}

// stage is one file of one run.
type stage struct {
	Path   string         `json:"path"` // behind links
	New    bool           `json:"new,omitempty"`
	Backup string         `json:"backup,omitempty"`
	Before string         `json:"before"` // SHA-256, "" for no file
	After  string         `json:"after"`
	Mode   fs.FileMode    `json:"mode"`
	Hunks  []awsedit.Hunk `json:"hunks"`
}

const (
	journalName  = "setup.json"
	backupSuffix = ".before-sts-helper"
)

func journalPath(env settings.Environment) string {
	return filepath.Join(filepath.Dir(settings.ConfigPath(env)), journalName)
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

func readJournal(env settings.Environment) (*journal, error) {
	path := journalPath(env)
	j := &journal{Version: 1}
	data, info, err := safefile.Read(path, 4*maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err == nil {
		err = safefile.CheckPrivateFile(info)
	}
	if err == nil {
		err = json.Unmarshal(data, j)
	}
	if err == nil && j.Version != 1 {
		err = fmt.Errorf("its version is %d", j.Version)
	}
	if err != nil {
		return nil, failed(path, "what setup wrote before cannot be read", err)
	}
	return j, nil
}

func (j *journal) write(env settings.Environment) error {
	path := journalPath(env)
	if len(j.Stages) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failed(path, "cannot be removed", err)
		}
		return nil
	}
	data, err := json.MarshalIndent(j, "", " ")
	if err == nil {
		err = put(path, append(data, '\n'), 0o600)
	}
	if err != nil {
		return failed(path, "cannot be written", err)
	}
	return nil
}

func failed(path, what string, err error) error {
	return &failure.Error{Class: failure.Configuration, Text: display.Safe(path) + ": " + what + ": " + display.Innermost(err), Err: err, Final: true}
}

// put writes a file at once, and makes its directory where there is none.
func put(path string, data []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return safefile.Rewrite(root, filepath.Base(path), data, mode)
}

// backup keeps the content of a file beside it, under a name that is free.
func (f *file) backup() (string, error) {
	root, err := os.OpenRoot(filepath.Dir(f.real))
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }()
	name := filepath.Base(f.real) + backupSuffix
	for n := 2; ; n++ {
		err := safefile.Create(root, name, f.before, safefile.Durable)
		if err == nil {
			return filepath.Join(filepath.Dir(f.real), name), nil
		}
		if !errors.Is(err, fs.ErrExist) || n > 1000 {
			return "", err
		}
		name = fmt.Sprintf("%s%s.%d", filepath.Base(f.real), backupSuffix, n)
	}
}

// Apply writes the plan and gives the backups that it made. What was written before an error is in
// the journal, so [Remove] undoes it.
func (p *Plan) Apply() (backups []string, err error) {
	j, err := readJournal(p.env)
	if err != nil {
		return nil, err
	}
	var changed []*file
	for _, f := range p.all() {
		if !f.edit.Changed() {
			continue
		}
		if err := f.unchanged(); err != nil {
			return nil, err
		}
		changed = append(changed, f)
	}
	for _, f := range changed {
		s := stage{Path: f.real, New: !f.exists, Mode: f.mode, After: sum(f.edit.Bytes())}
		for _, h := range f.edit.Hunks() {
			s.Hunks = append(s.Hunks, h.Hashed())
		}
		if f.exists {
			s.Before = sum(f.before)
			if s.Backup, err = f.backup(); err != nil {
				return backups, failed(f.path, "no backup can be made beside it", err)
			}
			backups = append(backups, s.Backup)
		}
		j.Stages = append(j.Stages, s)
	}
	if err := j.write(p.env); err != nil {
		return backups, err
	}
	for _, f := range changed {
		err := f.unchanged()
		if err == nil {
			if err = put(f.real, f.edit.Bytes(), f.mode); err != nil {
				err = failed(f.path, "cannot be written", err)
			}
		}
		if err != nil {
			return backups, fmt.Errorf("%w; to undo what was written, run: sts-helper setup --remove", err)
		}
	}
	return backups, nil
}

// KeyBackups are those of the backups that [Plan.Apply] gave that hold a key that was moved.
func (p *Plan) KeyBackups(backups []string) []string {
	var all []string
	for _, f := range []*file{p.creds, p.config} {
		for _, b := range backups {
			before, after := awsconfig.File{Data: f.before}, awsconfig.File{Data: f.edit.Bytes()}
			if strings.HasPrefix(b, f.real+backupSuffix) && keys(&before, f == p.creds) > keys(&after, f == p.creds) {
				all = append(all, b)
			}
		}
	}
	return all
}

// keys counts the secret keys in a file.
func keys(f *awsconfig.File, credentials bool) (n int) {
	for _, l := range f.Lines(credentials) {
		if l.Key == awsconfig.KeySecretAccessKey {
			n++
		}
	}
	return n
}

// unchanged refuses a file that is no longer as it was read.
func (f *file) unchanged() error {
	data, _, err := safefile.Read(f.real, maxFile)
	if !f.exists && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failed(f.path, "cannot be read", err)
	}
	if !f.exists || !bytes.Equal(data, f.before) {
		return failure.Configf("%s has changed meanwhile", display.Safe(f.path)).Do("run setup again")
	}
	return nil
}

// Undone is what became of a file.
type Undone struct {
	Path string `json:"path"`
	// State is "restored" (the same bytes as before), "removed" (a file that setup made),
	// "edited" (it was changed since, so that only setup's own lines were taken back),
	// "unchanged", or "missing".
	State string `json:"state"`
	// Left is how many changes stay because what is there now is not what setup wrote.
	Left   int    `json:"left,omitempty"`
	Backup string `json:"backup,omitempty"` // that is kept
}

// Remove undoes everything that was set up, the last run first. With dry it writes nothing.
func Remove(env settings.Environment, dry bool) ([]Undone, error) {
	j, err := readJournal(env)
	if err != nil {
		return nil, err
	}
	now := map[string][]byte{} // files as they would be, in a dry run
	var all []Undone
	for i := len(j.Stages) - 1; i >= 0; i-- {
		u, err := j.Stages[i].undo(now, dry)
		if err != nil {
			return all, err
		}
		all = merge(all, u)
		if !dry {
			j.Stages = j.Stages[:i]
			if err := j.write(env); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// merge joins what became of one file in several runs.
func merge(all []Undone, u Undone) []Undone {
	i := slices.IndexFunc(all, func(o Undone) bool { return o.Path == u.Path })
	if i < 0 {
		return append(all, u)
	}
	if all[i].State == "edited" && u.State == "restored" {
		u.State = "edited"
	}
	u.Left += all[i].Left
	all[i] = u
	return all
}

func (s *stage) undo(files map[string][]byte, dry bool) (Undone, error) {
	u := Undone{Path: s.Path}
	data, seen := files[s.Path]
	if !seen {
		var err error
		data, _, err = safefile.Read(s.Path, maxFile)
		if errors.Is(err, fs.ErrNotExist) {
			u.State = "missing"
			return u, nil
		}
		if err != nil {
			return u, failed(s.Path, "cannot be read", err)
		}
	}
	var before []byte
	if s.Backup != "" {
		var err error
		if before, _, err = safefile.Read(s.Backup, maxFile); err != nil || sum(before) != s.Before {
			if err == nil {
				err = errors.New("it has changed")
			}
			return u, failed(s.Backup, "the backup cannot be used", err)
		}
	}
	switch sum(data) {
	case s.Before:
		u.State = "unchanged"
	case s.After:
		u.State, data = "restored", before
		if s.New {
			u.State, data = "removed", nil
		}
	default:
		var left []awsedit.Hunk
		data, left = awsedit.Revert(before, data, s.Hunks)
		u.State, u.Left, u.Backup = "edited", len(left), s.Backup
		if s.New && len(bytes.TrimSpace(data)) == 0 {
			u.State, data = "removed", nil
		}
	}
	if dry {
		if data == nil {
			data = []byte{}
		}
		files[s.Path] = data
		return u, nil
	}
	var err error
	switch u.State {
	case "removed":
		err = os.Remove(s.Path)
	case "restored", "edited":
		mode := s.Mode
		if info, serr := os.Stat(s.Path); serr == nil {
			mode = info.Mode().Perm()
		}
		err = put(s.Path, data, mode)
	}
	if err != nil {
		return u, failed(s.Path, "cannot be written", err)
	}
	if s.Backup != "" && u.Backup == "" {
		if err := os.Remove(s.Backup); err != nil {
			return u, failed(s.Backup, "cannot be removed", err)
		}
	}
	return u, nil
}
