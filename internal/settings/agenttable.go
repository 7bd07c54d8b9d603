package settings

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/sts-helper/sts-helper/internal/display"
)

// agentTable is [agent] of a config file: whom it is about, and what these get.
type agentTable struct {
	file           string
	line           int
	detect, ignore rule[[]string] // on top of, and taken from, the list of signs
	profile        rule[string]   // whose credentials they get, whatever they ask for
	refuse         rule[bool]
	asked          entry // how credentials are narrowed, and what names the session
}

// The keys of [agent] that are no settings.
var (
	keyAgentDetect  = Setting{Key: "detect", Kind: List, Help: "more variables by which an agent is known: a name, or NAME=VALUE"}
	keyAgentIgnore  = Setting{Key: "ignore", Kind: List, Help: "variables of the list that are no sign of an agent here"}
	keyAgentProfile = Setting{Key: "profile", Kind: Text, Help: "the profile whose credentials agents get, whatever they ask for"}
	keyAgentRefuse  = Setting{Key: "refuse", Kind: Bool, Help: "true gives agents no credentials at all"}
)

var agentKeys = [...]*Setting{&keyAgentDetect, &keyAgentIgnore, &keyAgentProfile, &keyAgentRefuse}

// agentNarrows are the settings that narrow what an agent gets, agentNames those that say who it is.
var (
	agentNarrows = [...]id{sPolicy, sAllow, sDeny, sResource, sReadOnly, sDuration}
	agentNames   = [...]id{sDescription, sSourceIdentity, sRoleSessionName, sTag, sTransitiveTag}
)

// AgentKeys are the keys of [agent] in config.toml and in the fleet's file.
func AgentKeys() (all []Setting) {
	for _, s := range agentKeys {
		all = append(all, *s)
	}
	for _, s := range slices.Concat(agentNarrows[:], agentNames[:]) {
		all = append(all, settings[s])
	}
	return all
}

// agentTable is the file's table, nil where there is none.
func (f *configFile) agentTable() *agentTable {
	if f == nil {
		return nil
	}
	return f.agent
}

// openAgent checks the name of a section of agents.
func (w *walk) openAgent(parts []string, line int) error {
	if len(parts) > 2 || len(parts) == 2 && parts[1] != settings[sTag].Key {
		return w.file.wrong(line, "unknown section ["+sectionText(parts)+"]", "only tag may be a table inside of [agent]")
	}
	if w.file.agent == nil {
		w.file.agent = &agentTable{file: w.file.path, line: line, asked: entry{file: w.file.path}}
	}
	return nil
}

// assignAgent stores a value of [agent].
func (w *walk) assignAgent(path []string, line int, value *unstable.Node) error {
	if len(path) < 2 {
		return w.file.wrong(line, display.Quote(sectionText(path))+" is a section, not a value", "write [agent]")
	}
	if err := w.openAgent(path[:1], line); err != nil {
		return err
	}
	a, key := w.file.agent, path[1]
	setting, known := byKey(key)
	switch {
	case len(path) == 3 && key == settings[sTag].Key:
		return w.tag(&a.asked, path[2], line, value)
	case len(path) > 2:
		return w.file.wrong(line, "unknown key "+display.Quote(strings.Join(path[1:], ".")), "")
	case known && (slices.Contains(agentNarrows[:], setting) || slices.Contains(agentNames[:], setting)):
		return w.add(&a.asked, setting, line, value)
	}
	i := slices.IndexFunc(agentKeys[:], func(s *Setting) bool { return s.Key == key })
	if i < 0 {
		return w.unknownIn("agent", key, line, AgentKeys())
	}
	list, err := w.value(agentKeys[i], line, value)
	if err != nil {
		return err
	}
	g := &settingValue{setting: agentKeys[i], list: list, layer: fromAgent, file: w.file.path, line: line}
	switch g.setting {
	case &keyAgentDetect:
		return set(w, &a.detect, g, (*settingValue).variables)
	case &keyAgentIgnore:
		return set(w, &a.ignore, g, (*settingValue).knownSigns)
	case &keyAgentProfile:
		return set(w, &a.profile, g, func(g *settingValue) (string, error) { return g.text(), nil })
	}
	return set(w, &a.refuse, g, (*settingValue).bool)
}

// variables are names of variables, with a value or without.
func (g *settingValue) variables() ([]string, error) {
	for _, text := range g.list {
		name, value, valued := strings.Cut(text, "=")
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" || valued && value == "" {
			return nil, g.wrong(display.Quote(text)+" is neither the name of a variable nor NAME=VALUE", "")
		}
	}
	return g.list, nil
}

// knownSigns are variables of the list.
func (g *settingValue) knownSigns() ([]string, error) {
	var known []string
	for _, s := range signs {
		known = append(known, s.Variable)
	}
	for _, name := range g.list {
		if !slices.Contains(known, name) {
			return nil, g.wrong(display.Quote(name)+" is no variable by which an agent is known",
				cmp.Or(display.DidYouMean(name, known), "docs/reference/settings.md has the list"))
		}
	}
	return g.list, nil
}
