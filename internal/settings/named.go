package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
)

// LoadNamed makes the request that a name given by the user stands for, as [Load] does with
// --profile. The flags in given win over what the name says. With the name "" it is [Load].
func LoadNamed(name string, given Flags, env Environment) (*request.Request, error) {
	if name == "" {
		return Load(given, env)
	}
	flags := maps.Clone(given)
	if flags == nil {
		flags = Flags{}
	}
	flags["profile"] = []string{name}
	r, err := Load(flags, env)
	return r, withoutLocation(err)
}

// withoutLocation is err without --profile as the place of the fault, since the user gave the
// name of the profile as an argument.
func withoutLocation(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Where == "--profile" {
		other := *e
		other.Where = ""
		return &other
	}
	return err
}

// ParseFlags reads a command line that is nothing but settings: --name value, --name=value,
// a switch alone, or its letter. Anything else is an error, help and commands among it.
func ParseFlags(args []string) (Flags, error) {
	flags := Flags{}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		setting, value, hasValue, err := parseFlag(arg)
		switch {
		case err != nil:
			return nil, err
		case hasValue:
		case setting.Kind == Bool:
			value = "true"
		case len(args) == 0:
			return nil, fmt.Errorf("%s has no value", arg)
		default:
			value, args = args[0], args[1:]
		}
		flags.Set(setting.Flag, value)
	}
	return flags, nil
}

func parseFlag(arg string) (s Setting, value string, hasValue bool, err error) {
	if name, long := strings.CutPrefix(arg, "--"); long {
		name, value, hasValue = strings.Cut(name, "=")
		if i, known := byFlag(name); known {
			return settings[i], value, hasValue, nil
		}
	} else if letter, short := strings.CutPrefix(arg, "-"); short && letter != "" {
		for i := range settings {
			if settings[i].Short == letter {
				return settings[i], "", false, nil
			}
		}
	}
	name, _, _ := strings.Cut(arg, "=") // the value may be a secret
	return Setting{}, "", false, notASetting(name)
}

// notASetting names what was probably meant, where it is used: most lines that are no settings are commands.
type notASetting string

func (name notASetting) Error() string {
	s := display.Quote(string(name)) + " is not a setting"
	if flag, ok := strings.CutPrefix(string(name), "--"); ok {
		flags := make([]string, 0, len(settings))
		for i := range settings {
			flags = append(flags, settings[i].Flag)
		}
		if hint := display.DidYouMean(flag, flags); hint != "" {
			s += "; " + strings.Replace(hint, `"`, `"--`, 1)
		}
	}
	return s
}

// KnownNames are the names that lead to credentials: the entries of our config file, then the
// AWS profiles that run this program.
func KnownNames(env Environment) ([]string, error) {
	names, err := Names(env)
	if err != nil {
		return nil, err
	}
	for _, name := range AWSNames(env) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// interactionFlags are the settings that say how to go about it and not what is asked for.
// They are no part of a command that is shown to another user.
var interactionFlags = [...]string{"mfa-code", "mfa-process", "prompt", "wait", "verbose", "no-cache"}

// LoginCommand is the command line that logs in to exactly the request r, which LoadNamed
// made of name and given.
func LoginCommand(name string, given Flags, r *request.Request) string {
	words := []string{"sts-helper", "login"}
	if r.Instead { // the user logs in for the agent
		return strings.Join(append(words, display.ShellWord(r.Name)), " ")
	}
	if name != "" {
		words = append(words, display.ShellWord(name))
	}
	alone, insist := true, given["duration"] != nil
	for i := range settings {
		s := &settings[i]
		values, ok := given[s.Flag]
		if !ok || slices.Contains(interactionFlags[:], s.Flag) {
			continue
		}
		alone = false
		insist = insist || s.Flag != "profile" && s.Flag != "cache-dir" && (name != "" || given["profile"] != nil)
		for _, v := range values {
			switch {
			case s.Flag == "profile" && name == "":
				words = slices.Insert(words, 2, display.ShellWord(v))
			case s.Kind == Bool:
				words = append(words, "--"+s.Flag+"="+display.ShellWord(v))
			default:
				words = append(words, "--"+s.Flag, display.ShellWord(v))
			}
		}
	}
	if alone && name == "" {
		words = append(words, display.ShellWord(r.Name))
	}
	if insist {
		words = append(words, "--force") // else login refuses what the profile alone does not ask for
	}
	return strings.Join(words, " ")
}
