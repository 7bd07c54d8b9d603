package settings

import (
	"path/filepath"
	"slices"
)

// Names lists the entries of config.toml, and of the fleet's, sorted; none where there is no file. A file that
// [Load] would refuse is refused here as well.
func Names(env Environment) ([]string, error) {
	fleet, err := openFleetFile(env)
	if err != nil {
		return nil, err
	}
	f, err := openConfigFile(env)
	if err != nil {
		return nil, err
	}
	names := append(f.names(), fleet.names()...)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// EntrySource is an AWS profile that an entry of config.toml names as its source.
type EntrySource struct {
	Profile string
	Line    int // of its source_profile in the file, from 1; 0 in an inline table
	// Region and CredentialsFile report that the entry has a key of that name, too.
	Region, CredentialsFile bool
}

// EntrySources are the AWS profiles that entries of config.toml build on.
func EntrySources(env Environment) ([]EntrySource, error) {
	f, err := openConfigFile(env)
	if err != nil || f == nil {
		return nil, err
	}
	var all []EntrySource
	for i := range f.entries {
		e := &f.entries[i]
		if source := e.value(sSourceProfile); source != nil {
			s := EntrySource{Profile: source.list[0], Line: source.line, Region: e.value(sRegion) != nil, CredentialsFile: e.value(sCredentialsFile) != nil}
			if source.inline {
				s.Line = 0
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// ConfigPath is where our config file is looked for: STS_HELPER_CONFIG, else
// sts-helper/config.toml in XDG_CONFIG_HOME where that is absolute (the XDG base directory
// specification says to ignore it otherwise), else in ~/.config. It is "" where there is
// neither a variable nor a home directory.
func ConfigPath(env Environment) string {
	if path := env.Getenv("STS_HELPER_CONFIG"); path != "" {
		return env.expand(path, "")
	}
	dir := env.xdgDir("XDG_CONFIG_HOME", ".config")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "sts-helper", "config.toml")
}
