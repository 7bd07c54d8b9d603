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

// LoadNamed makes the request that a name given by the user stands for: an entry of our
// config file, else an AWS profile, as it runs this program or, where it does not, as the
// source. The flags in given win over what the name says. With the name "" it is [Load].
func LoadNamed(name string, given Flags, env Environment) (*request.Request, error) {
	if name == "" {
		return Load(given, env)
	}
	flags, err := flagsOf(name, given, env)
	if err != nil {
		return nil, err
	}
	r, err := Load(flags, env)
	return r, withoutLocation(err)
}

// flagsOf are the settings that a name stands for.
func flagsOf(name string, given Flags, env Environment) (Flags, error) {
	flags := maps.Clone(given)
	if flags == nil {
		flags = Flags{}
	}
	entries, err := Names(env)
	if err != nil {
		return nil, err
	}
	if slices.Contains(entries, name) {
		flags["profile"] = []string{name}
		return flags, nil
	}
	args, found, err := AWSProfile(env, name)
	switch {
	case err != nil:
		return nil, err
	case args != nil:
		return flags, addOwnFlags(name, args, flags)
	case found:
		flags["source-profile"] = []string{name}
	default:
		flags["profile"] = []string{name} // for the error that says which names there are
	}
	return flags, nil
}

// addOwnFlags adds the settings of a credential_process that runs this program to flags,
// which win.
func addOwnFlags(name string, args []string, flags Flags) error {
	if len(args) > 0 && args[0] == "process" {
		args = args[1:]
	}
	own, err := ParseFlags(args)
	if err != nil {
		return &Error{Kind: Config, What: "the credential_process of AWS profile " + display.Quote(name) + " cannot be read: " + err.Error(), Do: "give its settings as flags"}
	}
	for k, v := range own {
		if _, ok := flags[k]; !ok {
			flags[k] = v
		}
	}
	return nil
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
