package settings

import (
	"errors"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
)

// ErrLoop is matched by the errors about settings that lead back to where they began.
var ErrLoop = errors.New("the settings go in a circle")

// selfReference refuses a credential_process that would start this program with the question it
// is asked now. What cannot be seen here (a script that starts us, a file changed meanwhile)
// is caught when it runs.
func (l *loader) selfReference(p *awsconfig.Profile) error {
	command := display.ShellWords(p.Value(awsconfig.KeyProcess))
	if !l.env.runsUs(command) {
		return nil
	}
	asks, ok := l.sourceAskedBy(command[1:])
	if !ok || asks != l.source.name {
		return nil
	}
	what := "profile " + display.Quote(p.Name) + " gets its credentials from sts-helper, which would get them from profile " + display.Quote(asks) + " again"
	if asks == p.Name {
		what = "profile " + display.Quote(p.Name) + " gets its credentials from sts-helper, which would get them from the same profile"
	}
	if !l.source.named {
		name := "the default profile is used"
		if l.source.from != "" {
			name = l.source.from + " is " + display.Quote(asks)
		}
		what += ": no source is named and " + name
	}
	return &Error{Kind: Config, Where: p.Where(awsconfig.KeyProcess), What: what,
		Do: "name the profile that has the keys: credential_process = sts-helper --source-profile NAME", Err: ErrLoop}
}

// otherSources are the settings with which no profile's credentials are asked for.
var otherSources = [...]id{sGranted, sWebIdentityTokenFile, sWebIdentityTokenCommand, sWebIdentity, sSAMLAssertionFile, sSAMLAssertionCommand,
	sSourceCommand, sSourceKey, sCertificate}

// sourceAskedBy finds the source profile that a command line of this program would use, as
// far as it uses one.
func (l *loader) sourceAskedBy(args []string) (string, bool) {
	// Keys that only it is told of are another source under the same name.
	private := l.value(sCredentialsFile) == nil
	if _, ok := flagValue(args, settings[sCredentialsFile].Flag); ok && private {
		return "", false
	}
	if name, ok := flagValue(args, "source-profile"); ok {
		return name, true
	}
	for _, s := range otherSources {
		if _, ok := flagValue(args, settings[s].Flag); ok {
			return "", false
		}
	}
	if name := l.env.Getenv(settings[sSourceProfile].Env); name != "" {
		return name, true
	}
	entryName, ok := flagValue(args, "profile")
	if !ok {
		entryName = l.env.Getenv(settings[sProfile].Env)
	}
	if entryName == "" {
		entryName = "default"
	}
	if e := l.entryNamed(entryName); e != nil {
		if private && e.value(sCredentialsFile) != nil {
			return "", false
		}
		for _, v := range e.values {
			switch {
			case v.setting == sSourceProfile:
				return strings.Join(v.list, ""), true
			case slices.Contains(otherSources[:], v.setting):
				return "", false
			}
		}
	}
	if _, ok := l.environmentKeys(); ok {
		return "", false
	}
	if name, _ := l.env.first("AWS_PROFILE", "AWS_DEFAULT_PROFILE"); name != "" {
		return name, true
	}
	return "default", true
}

// flagValue finds --name VALUE or --name=VALUE among the words of a command.
func flagValue(words []string, name string) (string, bool) {
	for i, w := range words {
		rest, ok := strings.CutPrefix(w, "--"+name)
		switch {
		case !ok:
		case rest == "" && i+1 < len(words):
			return words[i+1], true
		case strings.HasPrefix(rest, "="):
			return rest[1:], true
		}
	}
	return "", false
}

// runsUs reports whether a command starts this program.
func (e Environment) runsUs(words []string) bool {
	if len(words) == 0 {
		return false
	}
	name := display.ProgramName(words[0])
	return name == "sts-helper" || e.Program != "" && name == display.ProgramName(e.Program)
}
