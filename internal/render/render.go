// Package render writes credentials for programs that know neither credential_process nor an endpoint:
// as variables of an environment, as lines of a shell, of an env-file, and as JSON.
package render

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/token"
)

// Format is a form that credentials are written in.
type Format string

// The forms.
const (
	Shell      Format = "shell"      // export lines for sh, bash, zsh and their like
	Fish       Format = "fish"       // set -gx lines
	PowerShell Format = "powershell" // $Env: lines
	JSON       Format = "json"       // a credential_process document with the region beside it
	Dotenv     Format = "dotenv"     // .env files: dotenv libraries, docker and podman --env-file
	Env        Format = "env"        // NAME=value quoted for a shell, without export
	Systemd    Format = "systemd"    // systemd's EnvironmentFile=
)

// Formats are the names of the forms, as they are listed to users.
func Formats() []string {
	return []string{string(Shell), string(Fish), string(PowerShell), string(JSON), string(Dotenv), string(Env), string(Systemd)}
}

// Parse is the form of that name.
func Parse(name string) (Format, error) {
	if all := Formats(); !slices.Contains(all, name) {
		last := len(all) - 1
		return "", fmt.Errorf("there is no format %s; %s", display.Quote(name), cmp.Or(display.DidYouMean(name, all), "it can be "+strings.Join(all[:last], ", ")+" or "+all[last]))
	}
	return Format(name), nil
}

// Credentials writes credentials, and the region they are used in where one is known. The lines for
// shells begin by taking away what programs would prefer to them.
func Credentials(f Format, c token.Credentials, region string) (string, error) {
	if f == JSON {
		return document(c, region), nil
	}
	set := Variables(c, region)
	lines, err := Assign(f, set)
	if err != nil {
		return "", err
	}
	if unset, err := Unset(f, winning(set)); err == nil {
		lines = unset + lines
	}
	return lines, nil
}

// Names are the variables that [Variables] may set.
func Names() (names []string) {
	for _, v := range Variables(token.Credentials{AccessKeyID: "-", SecretAccessKey: "-", SessionToken: "-", AccountID: "-", CanExpire: true}, "-") {
		names = append(names, v.Name)
	}
	return names
}

// Assign writes variables. A dotenv file has no quoting that all its readers share, so that a value with
// both kinds of quotes is refused there.
func Assign(f Format, set []Variable) (string, error) {
	var out strings.Builder
	for _, v := range set {
		switch f {
		case Shell:
			out.WriteString("export " + v.Name + "=" + display.PosixWord(v.Value))
		case Fish:
			out.WriteString("set -gx " + v.Name + " '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v.Value) + "'")
		case PowerShell:
			out.WriteString("$Env:" + v.Name + " = '" + strings.ReplaceAll(v.Value, "'", "''") + "'")
		case Env:
			out.WriteString(v.Name + "=" + display.PosixWord(v.Value))
		case Systemd:
			out.WriteString(v.Name + "=" + systemdValue(v.Value))
		case Dotenv:
			switch {
			case Plain(v.Value):
				out.WriteString(v.String())
			case strings.Contains(v.Value, "'"):
				return "", fmt.Errorf("%s has characters that readers of dotenv files do not agree on; choose another --format", v.Name)
			default:
				out.WriteString(v.Name + "='" + v.Value + "'")
			}
		case JSON:
			return "", fmt.Errorf("variables are not written as %s", f)
		}
		out.WriteByte('\n')
	}
	return out.String(), nil
}

// Unset writes lines that take variables away. Only shells can.
func Unset(f Format, names []string) (string, error) {
	if len(names) == 0 {
		return "", nil
	}
	switch f {
	case Shell:
		return "unset " + strings.Join(names, " ") + "\n", nil
	case Fish:
		return "set -e " + strings.Join(names, "; set -e ") + "\n", nil // one that is not set is no error
	case PowerShell:
		return "Remove-Item -ErrorAction SilentlyContinue -Path Env:" + strings.Join(names, ", Env:") + "\n", nil
	}
	return "", fmt.Errorf("the format %s cannot take variables away; shell, fish and powershell can", f)
}

// Plain reports whether s reads the same in docker's env-files, in systemd's, in dotenv files and in a
// shell, without quotes. A ~ means a home directory at the beginning and behind a colon only.
func Plain(s string) bool {
	return !strings.HasPrefix(s, "~") && !strings.Contains(s, ":~") && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune("'\"`\\$;&|<>()*?[]{}!#", r)
	})
}

// systemdValue quotes as systemd.exec(5) has it for EnvironmentFile=: in double quotes a backslash
// protects " \ ` and $ (systemd's src/basic/env-file.c), and nothing is expanded.
func systemdValue(s string) string {
	if Plain(s) {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`).Replace(s) + `"`
}

// document is the token as a credential_process document with the region beside it, on one line.
func document(c token.Credentials, region string) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(struct { // strings always encode, into memory
		Version         int
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
		AccountID       string `json:"AccountId,omitempty"`
		Region          string `json:",omitempty"`
	}{1, c.AccessKeyID, c.SecretAccessKey, c.SessionToken, c.Expires.UTC().Format(time.RFC3339), c.AccountID, region})
	return out.String()
}
