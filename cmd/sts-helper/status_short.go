package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/direct"
	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/remaining"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/lock"
)

// statusShort is one word or two for a shell prompt: nothing is asked, and one profile is looked at.
func (p *program) statusShort(names []string, flags settings.Flags) error {
	env, seen := observe(p.env)
	p = &program{p.stdout, p.stderr, p.terminal, env}
	name := ""
	switch len(names) {
	case 0:
		if len(flags) == 0 {
			name = p.env.Getenv("AWS_PROFILE")
		}
	case 1:
		name = names[0]
	default:
		return usageError{fmt.Errorf("--short is about one profile")}
	}
	t, err := p.target(name, flags, p.looking(), broker.Options{NonInteractive: true})
	if err != nil {
		return err
	}
	seen.locks(t, env.Getenv)
	s := profileStatus(t)
	what := s.State
	if s.State == stateOK {
		what = remaining.Text(s.left)
	}
	err = p.say("%s %s", s.Profile, what)
	if err == nil && s.State == stateOK {
		seen.rememberLeft(t)
	}
	return err
}

// locks notes, before the state of t is looked at, who held the lock of its record last: a process that asks
// the user for the next one later on writes its name there. And it notes that the directories which stand in
// where the cache cannot be used have nothing of t.
func (o *observer) locks(t *target, getenv func(string) string) {
	c, err := t.Cache()
	if err != nil || c == nil {
		return
	}
	_, why := c.Spare()
	o.unsure = o.unsure || why != nil
	key := t.handedOut().String()
	o.lock(record.LockPath(c.Path(), key))
	for _, dir := range settings.SpareDirs(getenv) {
		o.lock(record.LockPath(dir, key))
		path := filepath.Join(dir, record.VersionDir, key+record.Ext)
		_, err := os.Lstat(path)
		o.unsure = o.unsure || !errors.Is(err, fs.ErrNotExist)
		o.file(path, nil, nil, err)
	}
}

// lock notes what is in the file of a lock. It names its holder with the second in which that began to ask.
func (o *observer) lock(path string) {
	const another = 2 * time.Second // of the clock, with room for its being set
	content, info, err := safefile.Read(path, record.MaxFile)
	o.file(path, content, info, err)
	if who, ok := lock.ReadHolder(path); ok && who.Asking {
		o.unsure = o.unsure || time.Since(who.Since).Abs() < another
	}
}

// rememberLeft notes that how long the record of t lasts was shown.
func (o *observer) rememberLeft(t *target) {
	if t.asked.MFACode != "" || t.asked.Verbose || t.asked.NoCache || o.unsure {
		return
	}
	o.note.Answer, o.note.Profile = direct.Left, t.name
	o.keep(t.asked, t.Provider, t.handedOut(), func(*cache.Record) bool { return true }) // its state was looked at
}
