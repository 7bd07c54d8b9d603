package main

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/direct"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// watched is a token on disk that another process may replace or remove: a profile's own, or
// one that it is made with.
type watched struct {
	profile string
	own     bool
	cache   *cache.Cache
	key     cache.Key
	seen    string
}

// gone is what a token looks like that is not there any more.
const gone = "gone"

// fingerprint differs between tokens; what cannot be read at the moment looks as before.
func (w *watched) fingerprint() string {
	r, err := w.cache.Load(w.key)
	var m *cache.Miss
	switch {
	case err == nil:
		return r.Token.Credentials.AccessKeyID + r.Token.Credentials.Expires.String()
	case errors.As(err, &m) && m.Absent():
		return gone
	}
	return w.seen
}

// watchState is how everything looked that a plan depends on.
type watchState struct {
	watch []*watched
	files filesSeen
	dirs  map[string]os.FileInfo // of the caches
	who   []*watchedSource
	plan  *servePlan
	// ruled reports that the fleet's file changed since: what the plan gives may be forbidden by now.
	ruled bool
}

// watchedSource is the source of a profile, which may become another user's.
type watchedSource struct {
	profile string
	*broker.Provider
	seen string
}

// files are the fleet's file, the AWS files that the settings came from, those of a node's agent, descriptions of
// stored keys, and those that commands of sources name.
func (s *servePlan) files() (names []string) {
	names = append(append(names, s.fleet), s.nodeFiles...)
	for _, p := range s.providers {
		for req := p.Request(); req != nil; req = req.Base {
			names = append(names, req.Source.Files...)
			names = append(names, req.ObservedFiles...)
			if key := req.Source.Stored; key != nil {
				names = append(names, key.File)
			}
		}
	}
	return names
}

// watch reads how the caches look, before anything is fetched; files were looked at earlier.
func (s *servePlan) watch(files filesSeen) *watchState {
	n := &watchState{files: filesSeen{}, dirs: map[string]os.FileInfo{}, plan: s}
	for _, name := range s.files() {
		seen, ok := files[name]
		if !ok {
			seen = lookAt(name)
		}
		n.files[name] = seen
	}
	for i, p := range s.providers {
		n.who = append(n.who, &watchedSource{s.profiles[i].Name, p, p.SourceState()})
		c, _ := p.Cache()
		if c == nil {
			continue
		}
		n.dirs[c.Path()], _ = os.Stat(c.Path())
		for req := p.Request(); req != nil; req = req.Base {
			w := &watched{profile: s.profiles[i].Name, own: req == p.Request(), cache: c, key: request.KeyOf(req), seen: gone}
			w.seen = w.fingerprint()
			n.watch = append(n.watch, w)
		}
	}
	return n
}

// setWatched remembers what is to be watched.
func (e *endpoint) setWatched(n *watchState) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watchState = *n
}

// forbidden reports whether what is served may not be any more, for all that is known: the fleet's file changed, and
// the settings could not be read since.
func (e *endpoint) forbidden() (plan *servePlan, yes bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.plan, e.ruled
}

// poll has profiles refreshed whose tokens on disk are not what they were, because the user
// logged in, and forgotten where the user logged out or the source is to be looked at again. It returns why the settings are to be
// read again, "" where they are not: a key was rotated, or the whole cache was removed and
// must be opened anew.
func (e *endpoint) poll() (why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for path, before := range e.dirs {
		if now, err := os.Stat(path); err != nil || !os.SameFile(now, before) {
			delete(e.dirs, path) // said once
			why = "the cache was removed"
		}
	}
	for _, w := range e.watch {
		now := w.fingerprint()
		_, there := e.dirs[w.cache.Path()]
		switch {
		case now == w.seen:
		case now != gone:
			e.srv.Refresh(w.profile)
		case w.own && there:
			e.srv.Forget(w.profile)
		}
		w.seen = now
	}
	for _, w := range e.who {
		now := w.SourceState()
		if now != w.seen && broker.MayBeAnother(w.seen) {
			e.srv.Forget(w.profile)
		}
		w.seen = now
	}
	if changed := e.files.changed(); len(changed) > 0 {
		why = "files changed"
		if slices.Contains(changed, e.plan.fleet) {
			why, e.ruled = "this machine's settings changed", true
		}
	}
	return why
}

// filesSeen is how files looked when they were last looked at.
type filesSeen map[string]fileSeen

// fileSeen is how a file looked. Its size and time can be the same after an edit, so its content
// counts as well.
type fileSeen struct {
	info    fs.FileInfo // nil for none
	content [sha256.Size]byte
}

func lookAt(name string) fileSeen {
	info, err := os.Stat(name)
	if err != nil {
		return fileSeen{}
	}
	h := sha256.New()
	if _, err := safefile.Copy(h, name, direct.MaxFile); err != nil {
		h.Reset()
	}
	return fileSeen{info, [sha256.Size]byte(h.Sum(nil))}
}

func (s filesSeen) changed() (names []string) {
	for name, before := range s {
		now := lookAt(name)
		same := now.info == nil && before.info == nil ||
			now.info != nil && before.info != nil && now.info.Size() == before.info.Size() && now.info.ModTime().Equal(before.info.ModTime()) &&
				os.SameFile(now.info, before.info) && now.content == before.content
		if !same {
			s[name] = now
			names = append(names, name)
		}
	}
	return names
}
