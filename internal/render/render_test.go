package render_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/render"
	"github.com/sts-helper/sts-helper/process"
	"github.com/sts-helper/sts-helper/token"
)

func credentials() token.Credentials {
	return token.Credentials{
		AccessKeyID: "ASIAY34FZKBOKMUTVV7A", SecretAccessKey: "CANARY/s+k", SessionToken: "CANARY$(id)`;&*~#!", CanExpire: true,
		Expires: time.Date(2026, 11, 23, 0, 45, 5, 0, time.UTC), AccountID: "609629065308",
	}
}

func TestCredentials(t *testing.T) {
	for format, want := range map[render.Format]string{
		render.Env: `AWS_ACCESS_KEY_ID=ASIAY34FZKBOKMUTVV7A
AWS_SECRET_ACCESS_KEY=CANARY/s+k
AWS_SESSION_TOKEN='CANARY$(id)` + "`" + `;&*~#!'
AWS_CREDENTIAL_EXPIRATION=2026-11-23T00:45:05Z
AWS_ACCOUNT_ID=609629065308
AWS_REGION=eu-central-1
AWS_DEFAULT_REGION=eu-central-1
`,
		render.Shell: `unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SECURITY_TOKEN AWS_CREDENTIAL_SCOPE AWS_WEB_IDENTITY_TOKEN_FILE
export AWS_ACCESS_KEY_ID=ASIAY34FZKBOKMUTVV7A
export AWS_SECRET_ACCESS_KEY=CANARY/s+k
export AWS_SESSION_TOKEN='CANARY$(id)` + "`" + `;&*~#!'
export AWS_CREDENTIAL_EXPIRATION=2026-11-23T00:45:05Z
export AWS_ACCOUNT_ID=609629065308
export AWS_REGION=eu-central-1
export AWS_DEFAULT_REGION=eu-central-1
`,
		render.PowerShell: `Remove-Item -ErrorAction SilentlyContinue -Path Env:AWS_PROFILE, Env:AWS_DEFAULT_PROFILE, Env:AWS_SECURITY_TOKEN, Env:AWS_CREDENTIAL_SCOPE, Env:AWS_WEB_IDENTITY_TOKEN_FILE
$Env:AWS_ACCESS_KEY_ID = 'ASIAY34FZKBOKMUTVV7A'
$Env:AWS_SECRET_ACCESS_KEY = 'CANARY/s+k'
$Env:AWS_SESSION_TOKEN = 'CANARY$(id)` + "`" + `;&*~#!'
$Env:AWS_CREDENTIAL_EXPIRATION = '2026-11-23T00:45:05Z'
$Env:AWS_ACCOUNT_ID = '609629065308'
$Env:AWS_REGION = 'eu-central-1'
$Env:AWS_DEFAULT_REGION = 'eu-central-1'
`,
	} {
		got, err := render.Credentials(format, credentials(), "eu-central-1")
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v", format, got, err)
		}
	}
}

// What is not known is not set, and what another token left behind of it goes.
func TestUnknownFields(t *testing.T) {
	c := credentials()
	c.AccountID = ""
	got, err := render.Credentials(render.Shell, c, "")
	unset, set, _ := strings.Cut(got, "\n")
	if err != nil || strings.Contains(got, "REGION") || strings.Contains(set, "ACCOUNT") || !strings.Contains(unset, " AWS_ACCOUNT_ID") {
		t.Errorf("got %s, %v", got, err)
	}
}

// everyCharacter has every character that a secret may have.
func everyCharacter(t *testing.T) string {
	var all strings.Builder
	for c := byte('!'); c < 0x7f; c++ {
		if c != '"' && c != '\\' {
			all.WriteByte(c)
		}
	}
	if !token.ValidSecret(all.String()) {
		t.Fatal("not every character is one of a secret's")
	}
	return all.String()
}

// Each shell that is installed reads back every character, and a backslash and a double quote
// besides, and has nothing left after the lines that take the variables away.
func TestShellsReadItBack(t *testing.T) {
	value := "~" + everyCharacter(t) + `\"\'\\` + "~"
	c := token.Credentials{AccessKeyID: "A", SecretAccessKey: value, SessionToken: value}
	const show = `printf '<%s>' "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN" "$AWS_PROFILE"` + "\n"
	want := "<" + value + "><" + value + "><>" + "<><><>"
	for shell, format := range map[string]render.Format{
		"sh": render.Shell, "dash": render.Shell, "bash": render.Shell, "zsh": render.Shell, "ksh": render.Shell, "fish": render.Fish,
	} {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("there is no %s", shell)
			}
			set, err := render.Credentials(format, c, "")
			if err != nil {
				t.Fatal(err)
			}
			unset, err := render.Unset(format, render.Names())
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(context.Background(), path)
			cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "AWS_PROFILE=other"}
			cmd.Stdin = strings.NewReader(set + show + unset + show)
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
				t.Errorf("got %q, %v, want %q", out, err, want)
			}
		})
	}
}

// PowerShell is rarely there; where it is, it reads back the same.
func TestPowerShellReadsItBack(t *testing.T) {
	path, err := exec.LookPath("pwsh")
	if err != nil {
		t.Skip("there is no pwsh")
	}
	value := everyCharacter(t) + `\"\'\\`
	set, err := render.Credentials(render.PowerShell, token.Credentials{AccessKeyID: "A", SecretAccessKey: value, SessionToken: "B"}, "")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), path, "-NoProfile", "-NonInteractive", "-Command", set+"[Console]::Out.Write($Env:AWS_SECRET_ACCESS_KEY)")
	if out, err := cmd.Output(); err != nil || string(out) != value {
		t.Errorf("got %q, %v", out, err)
	}
}

// A shell reads the env form with "set -a".
func TestEnvInAShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	value := everyCharacter(t)
	text, err := render.Credentials(render.Env, token.Credentials{AccessKeyID: "A", SecretAccessKey: "~" + value, SessionToken: value}, "")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), sh)
	cmd.Stdin = strings.NewReader("set -eua\n" + text + `exec printenv AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN` + "\n")
	if out, err := cmd.Output(); err != nil || string(out) != "~"+value+"\n"+value+"\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

// What STS really gives out is bare in a dotenv file, which docker reads without any quoting.
func TestDotenv(t *testing.T) {
	for value, want := range map[string]string{
		"IQoJb3JpZ2luX2VjEA//+=": "N=IQoJb3JpZ2luX2VjEA//+=\n",
		"a$b#c":                  "N='a$b#c'\n",
		"it's":                   "",
	} {
		got, err := render.Assign(render.Dotenv, []render.Variable{{Name: "N", Value: value}})
		if got != want || (err == nil) == (want == "") {
			t.Errorf("%q: got %q, %v", value, got, err)
		}
	}
}

// The rules are those of systemd's src/basic/env-file.c.
func TestSystemd(t *testing.T) {
	got, err := render.Assign(render.Systemd, []render.Variable{{Name: "N", Value: "a'b$c`d\"e\\f%g #"}, {Name: "M", Value: "a/b+c="}})
	if want := `N="a'b\$c\` + "`" + `d\"e\\f%g #"` + "\nM=a/b+c=\n"; got != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestJSON(t *testing.T) {
	c := credentials()
	c.Expires = time.Date(2106, 11, 23, 0, 45, 5, 0, time.UTC)
	got, err := render.Credentials(render.JSON, c, "eu-central-1")
	want := `{"Version":1,"AccessKeyId":"ASIAY34FZKBOKMUTVV7A","SecretAccessKey":"CANARY/s+k","SessionToken":"CANARY$(id)` + "`" + `;&*~#!","Expiration":"2106-11-23T00:45:05Z","AccountId":"609629065308","Region":"eu-central-1"}` + "\n"
	if got != want || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	// It is a process document to those who read one.
	if again, err := process.Decode([]byte(got)); err != nil || again != c {
		t.Errorf("read back: %v, %v", again, err)
	}
	var members map[string]any
	got, err = render.Credentials(render.JSON, token.Credentials{SessionToken: "CANARY<&>"}, "")
	if err != nil || json.Unmarshal([]byte(got), &members) != nil || len(members) != 5 || members["SessionToken"] != "CANARY<&>" {
		t.Errorf("%v, %v", members, err)
	}
}

func TestUnsetRefuses(t *testing.T) {
	for _, f := range []render.Format{render.JSON, render.Dotenv, render.Env, render.Systemd} {
		if got, err := render.Unset(f, render.Names()); err == nil || got != "" {
			t.Errorf("%s: %q", f, got)
		}
	}
}

func TestParse(t *testing.T) {
	for name, want := range map[string]string{"fsh": `did you mean "fish"`, "toml-and-more": "shell, fish, powershell, json, dotenv, env or systemd", "": "it can be"} {
		if _, err := render.Parse(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range render.Formats() {
		if f, err := render.Parse(name); err != nil || string(f) != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClean(t *testing.T) {
	stay := []string{"PATH=/bin", "AWS_REGION=eu-west-1", "AWS_CONFIG_FILE=/c", "AWS_ENDPOINT_URL_STS=http://127.0.0.1", "AWS_KMS_KEY_ID=k", "AWS_ROLE=x", "aws_profile=lower", "AWS_PROFILES=x"}
	var dirty []string
	for _, name := range []string{
		"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN",
		"AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_CREDENTIAL_SCOPE", "AWS_ACCOUNT_ID", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
		"AMAZON_ACCESS_KEY_ID", "AMAZON_SECRET_ACCESS_KEY", "AMAZON_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK",
	} {
		dirty = append(dirty, name+"=x=y")
	}
	if runtime.GOOS == "windows" { // where names are the same in small letters
		stay = slices.DeleteFunc(stay, func(v string) bool { return v == "aws_profile=lower" })
	}
	if got := render.Clean(slices.Concat(stay[:3], dirty, stay[3:])); !slices.Equal(got, stay) {
		t.Errorf("got %q", got)
	}
}

func TestPlain(t *testing.T) {
	for s, want := range map[string]bool{
		"/run/dev~open.token": true, "~/token": false, "a:~/token": false, "a b": false, "a$b": false, "a#b": false, "a%b+c": true,
	} {
		if render.Plain(s) != want {
			t.Errorf("%q: want %v", s, want)
		}
	}
}

// The document about exec names every variable that is taken out.
func TestTheDocumentHasTheList(t *testing.T) {
	page, err := os.ReadFile("../../docs/exec.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range render.Removed() {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/exec.md does not name %s", name)
		}
	}
}
