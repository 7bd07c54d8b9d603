package settings

import (
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
)

const ownPrefix = "STS_HELPER_"

// otherVariables are those of ours that are no settings.
var otherVariables = [...]string{"CONFIG", "CHAIN", "EXEC", "NO_DIRECT"}

// CheckVariables refuses a variable that looks like one of ours and is none, since what it was meant to
// say would be left out in silence. One that resembles nothing belongs to another program.
func CheckVariables(env Environment) error {
	if env.OwnNames == nil {
		return nil
	}
	for _, name := range env.OwnNames() {
		suffix, ours := strings.CutPrefix(name, ownPrefix)
		if !ours || strings.HasPrefix(suffix, "SERVE_") || knownVariable(suffix) {
			continue
		}
		known := otherVariables[:]
		for i := range settings {
			known = append(known, strings.TrimPrefix(settings[i].Env, ownPrefix))
		}
		if hint := display.DidYouMean(suffix, known); hint != "" {
			return &Error{Kind: Config, Where: display.Safe(name), What: "there is no such variable", Do: strings.Replace(hint, `"`, `"`+ownPrefix, 1)}
		}
	}
	return nil
}

func knownVariable(suffix string) bool {
	for i := range settings {
		if strings.TrimPrefix(settings[i].Env, ownPrefix) == suffix {
			return true
		}
	}
	for _, other := range otherVariables {
		if suffix == other {
			return true
		}
	}
	return false
}
