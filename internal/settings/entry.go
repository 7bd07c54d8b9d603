package settings

import (
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
)

// openEntry finds the entry of our config file, or the AWS profile, that --profile names.
func (l *loader) openEntry(flags Flags) error {
	var err error
	if l.fleet, err = openFleetFile(l.env); err != nil {
		return err
	}
	if l.file, err = openConfigFile(l.env); err != nil {
		return err
	}
	if err := l.openAgent(); err != nil {
		return err
	}
	g := l.values[sProfile]
	if g == nil {
		return l.openUnnamed(flags)
	}
	if err := g.check(); err != nil {
		return err
	}
	name := g.text()
	if l.entry = l.entryNamed(name); l.entry != nil {
		return nil
	}
	p, err := l.profile(name)
	if err == nil {
		err = unreadable(l.files())
	}
	switch {
	case err != nil:
		return err
	case p != nil:
		return l.openProfile(g, p)
	}
	path := ConfigPath(l.env)
	known := slices.Concat(l.file.names(), l.fleet.names(), l.files().ProfileNames())
	slices.Sort(known)
	known = slices.Compact(known) // a profile and its entry often have one name
	do := display.DidYouMean(name, known)
	if do == "" && len(known) > 0 {
		do = "there are " + someOf(known)
	}
	what := "no entry " + entryHeader(name) + " in " + display.Safe(path)
	if path == "" {
		what = "no entry " + entryHeader(name) + ": without a home directory there is no config file"
	} else if l.file == nil {
		what = "no file " + display.Safe(path) + " that could have an entry " + entryHeader(name)
	}
	if do == "" {
		do = "write one of them"
	}
	return g.wrong(what+", and no AWS profile "+display.Quote(name), do)
}

// entryHeader is the section of an entry of our config file.
func entryHeader(name string) string { return "[profile." + sectionText([]string{name}) + "]" }

// openProfile takes an AWS profile for the entry that g names: as it runs this program, or, where it
// does not, as the source.
func (l *loader) openProfile(g *settingValue, p *awsconfig.Profile) error {
	args := l.env.ourArgs(p)
	if args == nil {
		if other := l.values[sSourceProfile]; other != nil && other.layer <= g.layer {
			return g.wrong("there is no entry "+entryHeader(p.Name)+", and the AWS profile of that name would be the source, which "+other.from()+" names as well", "remove one of them")
		}
		l.values[sSourceProfile] = &settingValue{setting: g.setting, list: g.list, layer: g.layer, file: g.file, line: g.line}
		return nil
	}
	own, err := profileFlags(p.Name, args)
	if err != nil {
		return err
	}
	// The profile's line may name an entry; one that names itself, or another profile that runs us, is
	// what no entry is written for.
	if entry, ok := own["profile"]; ok {
		if l.entry = l.entryNamed(entry[len(entry)-1]); l.entry == nil && entry[len(entry)-1] == p.Name {
			return &Error{Kind: Config, Where: p.Where(awsconfig.KeyProcess), What: "profile " + display.Quote(p.Name) + " gets its credentials by --profile " + display.ShellWord(p.Name) + ", and there is no entry " + entryHeader(p.Name) + " in " + display.Safe(ConfigPath(l.env)),
				Do: "write the entry, with source_profile"}
		} else if l.entry == nil {
			return g.wrong("the AWS profile "+display.Quote(p.Name)+" runs sts-helper for "+display.Quote(entry[len(entry)-1])+", which is no entry of "+display.Safe(ConfigPath(l.env)), "name that one")
		}
		if err := l.onePolicyOf(p, own); err != nil {
			return err
		}
		delete(own, "profile")
	}
	given := false
	for name, list := range own {
		setting, _ := byFlag(name)
		given = given || setting == sSourceProfile
		l.own[setting] = &settingValue{setting: &settings[setting], list: list, layer: fromFlag, profile: true}
		// A policy of a variable narrows that of the line; of other settings the line's comes before a variable.
		if v := l.values[setting]; v == nil || v.layer > fromFlag && !slices.Contains(allPolicySettings[:], setting) {
			l.values[setting] = l.own[setting]
		}
	}
	if l.entry == nil && !given && l.values[sSourceProfile] == nil {
		return l.openUnnamed(own)
	}
	return nil
}

// onePolicyOf refuses a policy in the line of p, whose flags are own, on top of the one of the entry that it names: of
// both only one would be the profile's.
func (l *loader) onePolicyOf(p *awsconfig.Profile, own Flags) error {
	for _, s := range allPolicySettings {
		if own[settings[s].Flag] == nil {
			continue
		}
		for _, f := range []*configFile{l.file, l.fleet} {
			e := f.entry(l.entry.name)
			if e == nil {
				continue
			}
			if i := slices.IndexFunc(e.values, func(v fileValue) bool { return slices.Contains(allPolicySettings[:], v.setting) }); i >= 0 {
				return &Error{Kind: Config, Where: p.Where(awsconfig.KeyProcess), What: "--" + settings[s].Flag + " narrows " + entryHeader(l.entry.name) + ", which has a policy of its own (" + fileLine(e.file, e.values[i].line) + ")",
					Do: "give --profile " + display.ShellWord(l.entry.name) + " and the flag yourself, or write both policies into one entry"}
			}
		}
	}
	return nil
}

// profileFlags are the settings of a credential_process that runs this program; args are the words
// behind its name.
func profileFlags(name string, args []string) (Flags, error) {
	if len(args) > 0 && args[0] == "process" {
		args = args[1:]
	}
	own, err := ParseFlags(args)
	if err != nil {
		return nil, &Error{Kind: Config, What: "the credential_process of AWS profile " + display.Quote(name) + " cannot be read: " + err.Error(), Do: "give its settings as flags"}
	}
	return own, nil
}

// someOf lists names for an error, not all of a long list.
func someOf(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	var quoted []string
	for i, n := range names {
		if i == 8 {
			quoted = append(quoted, "...")
			break
		}
		quoted = append(quoted, display.Quote(n))
	}
	return strings.Join(quoted, ", ")
}
