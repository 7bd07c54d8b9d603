package doctor

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
)

// Programs is how the programs of credential_process lines are looked for.
type Programs struct {
	// Find is the file that a command runs, looked for as the SDKs do, or why there is none.
	Find func(program string) (file string, err error)
	// Ours reports whether a file is the program that runs now.
	Ours func(file string) bool
}

// Profile checks an AWS profile whose credential_process runs this program.
func Profile(files *awsconfig.Files, p *awsconfig.Profile, programs Programs) (all []Finding) {
	add := func(check string, level Level, key, problem, mend string) {
		all = append(all, Finding{check, level, display.Safe(p.Name), display.Safe(p.Where(key)), problem, mend})
	}
	words := display.ShellWords(p.Value(awsconfig.KeyProcess))
	if len(words) == 0 {
		return nil
	}
	if strings.HasPrefix(words[0], "~") {
		add("tilde", Problem, awsconfig.KeyProcess, "not every SDK runs a shell, so ~ is not expanded", "write the whole path")
	} else if file, err := programs.Find(words[0]); err != nil {
		add("helper-not-found", Problem, awsconfig.KeyProcess, display.Safe(fmt.Sprintf("SDKs do not find %q: %v", words[0], err)), "write the whole path of sts-helper, or put it into a directory of PATH")
	} else {
		if !programs.Ours(file) {
			add("other-helper", Advice, awsconfig.KeyProcess, "SDKs run "+display.Safe(file)+", which is another program than this one", "write the path of the one that is meant")
		}
		if !everywhere(words[0], file) {
			add("path", Advice, awsconfig.KeyProcess, "SDKs find "+display.Safe(file)+" by the PATH of the program that they are in, and that of a desktop, an IDE, cron or a service is shorter than this shell's",
				"write the whole path")
		}
	}
	for _, beside := range []struct {
		check string
		keys  []string
		mend  string
	}{
		{"shadowing-keys", []string{awsconfig.KeyAccessKeyID}, "move the keys to a profile of another name and name that in --source-profile"},
		{"role-beside-process", []string{awsconfig.KeyRoleARN, awsconfig.KeySourceProfile, awsconfig.KeyCredSource}, "move it to config.toml, or to a profile of another name"},
		{"login-beside-process", []string{awsconfig.KeySSOSession, awsconfig.KeySSOStartURL, awsconfig.KeyLoginSession}, "move it to a profile of another name and name that in --source-profile"},
	} {
		if key := firstOf(p, beside.keys...); key != "" {
			choices := SDKs(files, p, func(string) string { return "" })
			add(beside.check, Problem, key, key+" is beside credential_process ("+summary(choices)+")", beside.mend)
		}
	}
	return all
}

// systemPath are the directories that are in PATH wherever a program is started: launchd has the first four of them,
// systemd's user manager, cron and sshd two or all.
var systemPath = []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/sbin"}

// everywhere reports whether what a command runs is found whatever started the program that runs it.
func everywhere(command, file string) bool {
	return strings.Contains(command, "/") || runtime.GOOS == "windows" || slices.Contains(systemPath, filepath.Dir(file))
}

// shadowing are the variables that programs prefer to a profile, or by which they find credentials
// where no profile is named.
var shadowing = []string{"AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_BEARER_TOKEN_BEDROCK"}

// Environment checks what programs would prefer to a profile. inExec reports that the variables are those that
// sts-helper gave the command it runs below.
func Environment(getenv func(string) string, inExec bool) (all []Finding) {
	if inExec {
		return nil
	}
	for _, name := range shadowing {
		if getenv(name) == "" {
			continue
		}
		problem := "it is set, so programs without a profile take what it leads to"
		switch name {
		case "AWS_ACCESS_KEY_ID":
			who := []string{}
			for _, c := range chains {
				if !c.profileFirst {
					who = append(who, c.sdk)
				}
			}
			problem = "it is set: " + strings.Join(who, ", ") + " take the keys in variables whatever AWS_PROFILE says"
		case "AWS_BEARER_TOKEN_BEDROCK":
			problem = "it is set, and is used in place of any credentials for Bedrock"
		}
		all = append(all, Finding{"shadowing-variable", Problem, "", name, problem, "unset it, or run programs by: sts-helper exec"})
	}
	return all
}
