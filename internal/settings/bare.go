package settings

import (
	"maps"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
)

// sourceFlags are those that say whose credentials are meant.
var sourceFlags = [...]id{sProfile, sSourceProfile, sGranted, sWebIdentityTokenFile, sWebIdentityTokenCommand, sWebIdentity,
	sSAMLAssertionFile, sSAMLAssertionCommand, sSourceCommand, sSourceKey, sCertificate}

// openUnnamed finds the entry where nothing names one.
//
// A program that has such a line in its credential_process, "sts-helper" and nothing more, is asked
// without the profile's name: SDKs do not pass it, and AWS_PROFILE may be another's. So AWS_PROFILE does not
// count where profiles have that line. Where one has it, the entry of that name is meant; where several
// have it and entries would tell them apart, that cannot be known. Without such entries all of them mean the
// same: the default profile's keys, else those of the environment.
func (l *loader) openUnnamed(flags Flags) error {
	for _, setting := range sourceFlags {
		if l.values[setting] != nil {
			l.entry = l.entryNamed("default")
			return nil
		}
	}
	profiles := l.files().ProfilesRunning(func(command string) bool { return l.env.sameCall(command, flags) })
	if len(profiles) == 0 {
		l.entry = l.entryNamed("default")
		return nil
	}
	if !slices.ContainsFunc(profiles, func(name string) bool { return l.entryNamed(name) != nil }) {
		l.entry, l.bare = l.entryNamed("default"), l.files().Profile(profiles[0])
		return nil
	}
	if len(profiles) == 1 {
		l.entry = l.entryNamed(profiles[0])
		return nil
	}
	var lines []string
	for i, name := range profiles {
		if i == 4 {
			lines = append(lines, "...")
			break
		}
		lines = append(lines, "in "+awsconfig.HeaderFor("profile", display.Safe(name))+" credential_process = sts-helper --profile "+display.ShellWord(name))
	}
	first := l.files().Profile(profiles[0])
	return &Error{Kind: Config, Where: first.Where(awsconfig.KeyProcess),
		What: "the profiles " + someOf(profiles) + " run sts-helper with the same line, and which of them asks cannot be known", Do: "write " + strings.Join(lines, "; ")}
}

// sameCall reports whether a credential_process runs this program with just these flags.
func (e Environment) sameCall(command string, flags Flags) bool {
	words := display.ShellWords(command)
	if !e.runsUs(words) {
		return false
	}
	own, err := profileFlags("", words[1:])
	return err == nil && maps.EqualFunc(own, flags, slices.Equal[[]string])
}

// bareSource is the source where only the line of a bare call is known: the default profile, where it
// defines credentials otherwise than by that line, else the keys in the environment.
func (l *loader) bareSource() error {
	l.source = sourceProfile{name: "default"}
	if err := unreadable(l.files()); err != nil {
		return err
	}
	var err error
	if l.source.profile, err = l.profile("default"); err != nil {
		return err
	}
	p := l.source.profile
	if p != nil && (p.HasKeys() || p.Value(awsconfig.KeyRoleARN) != "" || p.HasSSO() || p.Value(awsconfig.KeyLoginSession) != "" ||
		p.Value(awsconfig.KeyProcess) != "" && !l.env.isUs(p.Value(awsconfig.KeyProcess))) {
		l.source.named = true // it comes before the environment
		return nil
	}
	if _, ok := l.environmentKeys(); ok {
		return nil
	}
	_, container := l.container()
	if container || l.env.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "" {
		l.source.profile = nil
		return nil
	}
	return &Error{Kind: Config, Where: l.bare.Where(awsconfig.KeyProcess), What: "credential_process = sts-helper names no source, the default profile has no keys, and neither has the environment",
		Do: "name the profile that has the keys: credential_process = sts-helper --source-profile NAME"}
}
