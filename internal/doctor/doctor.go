// Package doctor finds what breaks set-ups that look right: each rule is a small check of files,
// variables and clocks that were read before, and names the mend. It opens and asks nothing itself.
package doctor

import (
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
)

// Finding is one thing that is wrong. The texts are safe to show.
type Finding struct {
	Check   string `json:"check"`             // which rule found it; docs/doctor.md has them all
	Profile string `json:"profile,omitempty"` // "" where it is about all of them
	Where   string `json:"where,omitempty"`   // file:line, a variable, a file or a URL
	Problem string `json:"problem"`
	Mend    string `json:"mend"`
}

// String is the finding on one line.
func (f Finding) String() string {
	s := f.Problem
	if f.Where != "" {
		s = f.Where + ": " + s
	}
	if f.Profile != "" {
		s = f.Profile + ": " + s
	}
	return s + "; " + f.Mend
}

// What each SDK takes where a profile has more than its credential_process (aws-sdk-go-v2
// config/resolve_credentials.go, botocore credentials.py, JS fromIni, aws-config profile/credentials,
// Java ProfileCredentialsUtils, Ruby CredentialProviderChain).
const (
	staticWinners  = "Go, JavaScript and Ruby take the keys, botocore too where they are in the credentials file; Rust and Java run the helper"
	roleWinners    = "SDKs that look for a role first, Go and JavaScript among them, assume it or refuse the profile, and run no helper"
	ssoWinners     = "Go and Rust take the login; JavaScript runs the helper"
	varWinners     = "Go and botocore take the variables whatever AWS_PROFILE says; JavaScript takes the profile"
	shortestUseful = 20 * time.Minute
	skewTolerated  = time.Minute
)

// Profile checks an AWS profile whose credential_process, command, runs this program. find says why
// a program is not found as the SDKs look for it.
func Profile(p *awsconfig.Profile, find func(program string) error) (all []Finding) {
	add := func(check, key, problem, mend string) {
		all = append(all, Finding{check, display.Safe(p.Name), display.Safe(p.Where(key)), problem, mend})
	}
	process := p.Value(awsconfig.KeyProcess)
	words := display.ShellWords(process)
	if len(words) == 0 {
		return nil
	}
	switch {
	case strings.HasPrefix(words[0], "~"):
		add("tilde", awsconfig.KeyProcess, "not every SDK runs a shell, so ~ is not expanded", "write the whole path")
	default:
		if err := find(words[0]); err != nil {
			add("helper-not-found", awsconfig.KeyProcess, display.Safe(fmt.Sprintf("SDKs do not find %q: %v", words[0], err)), "write the whole path of sts-helper, or put it into a directory of PATH")
		}
	}
	if p.Has("aws_access_key_id") {
		add("shadowing-keys", "aws_access_key_id", "the profile has keys beside credential_process: "+staticWinners, "move the keys to a profile of another name and name that in --source-profile")
	}
	for _, key := range []string{"role_arn", "source_profile", "credential_source"} {
		if p.Has(key) {
			add("role-beside-process", key, key+" stands beside credential_process: "+roleWinners, "move it to config.toml, or to a profile of another name")
			break
		}
	}
	for _, key := range []string{"sso_session", "sso_start_url", "login_session"} {
		if p.Has(key) {
			add("login-beside-process", key, key+" stands beside credential_process: "+ssoWinners, "move it to a profile of another name and name that in --source-profile")
			break
		}
	}
	return all
}

// Variables checks what programs would prefer to any profile.
func Variables(getenv func(string) string) (all []Finding) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
		if getenv(name) == "" {
			continue
		}
		problem := "it is set: " + varWinners
		if name != "AWS_ACCESS_KEY_ID" {
			problem = "it is set, so programs without a profile take what it leads to"
		}
		all = append(all, Finding{"shadowing-variable", "", name, problem, "unset it, or run programs by: sts-helper exec"})
	}
	return all
}

// Clock checks this machine's time against the Date of an answer of STS.
func Clock(here, there time.Time, from string) []Finding {
	d := here.Sub(there)
	if d.Abs() <= skewTolerated {
		return nil
	}
	word := "ahead of"
	if d < 0 {
		word = "behind"
	}
	return []Finding{{"clock", "", from, fmt.Sprintf("this machine's clock is %s %s that of STS", display.Remaining(d.Abs()), word), "set the clock: AWS refuses requests that are 5 minutes off"}}
}

// Lifetime checks how long the credentials of a profile live.
func Lifetime(profile string, life time.Duration) []Finding {
	if life <= 0 || life >= shortestUseful {
		return nil
	}
	return []Finding{{"short-life", profile, "", "credentials live " + display.Duration(life) + ", and botocore and .NET renew what lasts less than 15 minutes at every use", "let duration be 20m or more"}}
}

// Mode checks who may read a file with secrets.
func Mode(path string, mode fs.FileMode) []Finding {
	if mode.Perm()&0o077 == 0 {
		return nil
	}
	return []Finding{{"mode", "", display.Safe(path), fmt.Sprintf("other users may open it (mode %#o)", mode.Perm()), "run: chmod 600 " + display.ShellWord(path)}}
}

// ModesMatter reports whether modes of files say who may read them on this system.
const ModesMatter = runtime.GOOS != "windows"
