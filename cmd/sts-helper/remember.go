package main

import (
	"os"
	"path/filepath"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/direct"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// observer notes what the settings of one call depend on, so that the next call of the same
// line can be answered without looking for them: see package direct.
type observer struct {
	note  direct.Note
	asked map[string]bool
	still bool // nothing was changed too recently for a later change to show
}

// observe gives env with an observer behind it.
func observe(env settings.Environment) (settings.Environment, *observer) {
	o := &observer{asked: map[string]bool{}, still: true}
	getenv := env.Getenv
	env.Getenv = func(name string) string {
		value := getenv(name)
		if !o.asked["$"+name] {
			o.asked["$"+name] = true
			o.note.Variables = append(o.note.Variables, direct.NewVariable(name, value))
		}
		return value
	}
	env.Reading = func(path string) {
		switch {
		case o.asked[path]:
		case path == ".":
			var err error
			o.note.Dir, err = os.Getwd()
			o.still = o.still && err == nil
		default:
			f, still := direct.Look(path)
			o.note.Files = append(o.note.Files, f)
			o.still = o.still && still
		}
		o.asked[path] = true
	}
	return env, o
}

// remember notes the answer, where a fresh one of the default cache was made, by settings
// alone and for nothing that is looked at later than those.
func (o *observer) remember(req *request.Request, prov *broker.Provider, a cache.Answer) {
	if a.Origin != cache.Fresh || !o.still || req.MFACode != "" || req.Verbose || req.NoCache || req.CacheDir != "" || req.Granted != "" {
		return
	}
	for r := req; r != nil; r = r.Base {
		if r.WebIdentityTokenFile != "" || r.SAMLAssertionFile != "" || r.SerialNumber == "auto" {
			return
		}
		switch r.Source.Kind {
		case request.SourceContainer, request.SourceInstance, request.SourceDefault:
			return
		}
	}
	c, err := prov.Cache()
	if err != nil || c == nil {
		return
	}
	o.note.Key = prov.Key().String()
	direct.Remember(filepath.Join(c.Path(), "v1"), os.Args, o.note)
}
