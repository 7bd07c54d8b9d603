package main

import (
	"crypto/rand"
	"io/fs"
	"os"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/direct"
	"github.com/sts-helper/sts-helper/internal/mfa"
	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// observer notes what the settings of one call depend on, so that the next call of the same
// line can be answered without looking for them: see package direct.
type observer struct {
	note      *direct.Note
	variables map[string]bool
	files     map[string]direct.File
	unsure    bool // something was looked at that cannot be compared later
}

// observe gives env with an observer behind it.
func observe(env settings.Environment) (settings.Environment, *observer) {
	o := &observer{
		note:      direct.NewNote(os.Args, func(key []byte) { _, _ = rand.Read(key) }),
		variables: map[string]bool{},
		files:     map[string]direct.File{},
	}
	seen := env
	seen.Getenv = func(name string) string {
		value := env.Getenv(name)
		o.variable(name, value)
		return value
	}
	seen.OwnNames = func() []string {
		names := env.OwnNames()
		o.variable(direct.NamesVariable, direct.Names())
		return names
	}
	seen.Seen = o.file
	seen.HomeDir = func() string {
		if seen.Getenv("HOME") == "" {
			o.userDatabase(env)
		}
		return env.HomeDir()
	}
	seen.UserName = func() string {
		o.userDatabase(env)
		return env.UserName()
	}
	return seen, o
}

func (o *observer) variable(name, value string) {
	if !o.variables[name] {
		o.variables[name] = true
		o.note.AddVariable(name, value)
	}
}

func (o *observer) file(path string, content []byte, info fs.FileInfo, err error) {
	f, ok := o.note.NewFile(path, content, info, err)
	before, again := o.files[path]
	o.unsure = o.unsure || !ok || again && before != f
	if !again {
		o.files[path] = f
		o.note.Files = append(o.note.Files, f)
	}
}

// userDatabase notes where home and name of the user come from, before they are looked up: a
// change in between is seen by the next call. What a network service says of the user is taken
// to last as long as a token.
func (o *observer) userDatabase(env settings.Environment) {
	const users = "/etc/passwd"
	o.variable("USER", env.Getenv("USER"))
	o.variable("HOME", env.Getenv("HOME"))
	content, info, err := safefile.Read(users, direct.MaxFile)
	o.file(users, content, info, err)
}

// devices notes where the serial numbers were found that the settings leave open.
func (o *observer) devices(c *cache.Cache, asked, found *request.Request) {
	for ; asked != nil && found != nil; asked, found = asked.Base, found.Base {
		if asked.SerialNumber != mfa.AutoSerial {
			continue
		}
		path := mfa.SerialPath(c, asked.Source.AccessKeyID)
		content, info, err := safefile.Read(path, record.MaxFile)
		o.file(path, content, info, err)
		o.unsure = o.unsure || mfa.KnownSerial(c, asked.Source.AccessKeyID) != found.SerialNumber
	}
}

// remember notes an answer that the next call of the same line would give as well.
func (o *observer) remember(req *request.Request, prov *broker.Provider, a cache.Answer) {
	o.note.Least = prov.KeptAbove()
	if a.Origin == cache.Kept && (o.note.Least == 0 || len(a.Warnings) > 0) || o.unsure || req.MFACode != "" || req.Verbose || req.NoCache {
		return
	}
	key, kept := prov.AnswerKey(a)
	if !kept {
		return
	}
	// Who a login is was looked up after the settings were read: it must be the same still.
	var identity []byte
	for _, file := range prov.Identities() {
		content, info, err := safefile.Read(file, settings.MaxLookedAt)
		o.file(file, content, info, err)
		identity = content
	}
	o.note.Life = prov.LookAgain()
	o.keep(req, prov, key, func(r *cache.Record) bool { return prov.IsOf(r, identity) })
}

// keep writes the note of an answer that is the record of key, if that is the right one.
func (o *observer) keep(req *request.Request, prov *broker.Provider, key cache.Key, right func(*cache.Record) bool) {
	c, err := prov.Cache()
	if err != nil || c == nil {
		return
	}
	o.devices(c, req, prov.Request())
	if prov.OfMachine() {
		_, boot := record.BootClock()
		o.variable(direct.BootVariable, boot)
	}
	if o.unsure {
		return
	}
	r, file := c.RecordFile(key)
	if r == nil || !right(r) {
		return
	}
	o.note.SetAnswer(c.Path(), key.String(), file)
	if !o.note.Remember(os.Args) {
		return
	}
	// The notes beside records are swept with those.
	if dir, err := record.DefaultDir(os.Getenv); err == nil && dir != c.Path() {
		if notes, err := cache.Open(dir); err == nil {
			notes.Sweep()
			_ = notes.Close()
		}
	}
}
