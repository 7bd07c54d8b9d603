package settings

import (
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
)

// AWSProfile says whether AWS's files have a profile, and what its credential_process gives this
// program, nil where it does not run it.
func AWSProfile(env Environment, name string) (args []string, found bool, err error) {
	files := openAWSFiles(env)
	if err := unreadable(files); err != nil {
		return nil, false, err
	}
	p := files.Profile(name)
	if p == nil {
		return nil, false, nil
	}
	return env.ourArgs(p), true, nil
}

// AWSNames lists the AWS profiles whose credential_process runs this program, sorted.
func AWSNames(env Environment) []string {
	all := openAWSFiles(env).ProfilesRunning(env.isUs)
	slices.SortFunc(all, strings.Compare)
	return all
}

// isUs reports whether a credential_process runs this program.
func (e Environment) isUs(command string) bool { return e.runsUs(display.ShellWords(command)) }

// LoginNames lists the AWS profiles whose credentials come from a login of IAM Identity Center or
// "aws login", sorted.
func LoginNames(env Environment) []string {
	files := openAWSFiles(env)
	var all []string
	for _, name := range files.ProfileNames() {
		if p := files.Profile(name); p != nil && (p.HasSSO() || p.Value(awsconfig.KeyLoginSession) != "") && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// ourArgs are the words behind this program's name in a profile's credential_process, not
// nil where it runs this program.
func (e Environment) ourArgs(p *awsconfig.Profile) []string {
	command := display.ShellWords(p.Value(awsconfig.KeyProcess))
	if !e.runsUs(command) {
		return nil
	}
	return append([]string{}, command[1:]...)
}

// SharedFiles are AWS's shared files, as far as they are there. One that cannot be read is an error.
func SharedFiles(env Environment) (*awsconfig.Files, error) {
	files := openAWSFiles(env)
	return files, unreadable(files)
}

// RunsUs reports whether a profile's credential_process runs this program.
func RunsUs(env Environment, p *awsconfig.Profile) bool { return env.ourArgs(p) != nil }
