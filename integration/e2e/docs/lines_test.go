package docs_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// pages are the documents whose command lines are tried.
func pages(t *testing.T) (root string, names []string) {
	t.Helper()
	root, err := harness.Root()
	harness.Must(t, err)
	names = []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"}
	harness.Must(t, fs.WalkDir(os.DirFS(root), "docs", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			names = append(names, path)
		}
		return err
	}))
	return root, names
}

var (
	inBlock    = regexp.MustCompile(`^((?:CGO_ENABLED=0 )?(?:sts-helper|make|go|sudo|ip|podman|docker|aws|curl|systemctl|launchctl|kubectl|kustomize|helm|eval|integration/\S+\.sh) .*)$`)
	inConfig   = regexp.MustCompile(`^(?:credential_process|ExecStart) *= *(.*?)(?: {3,}.*)?$`)
	inManifest = regexp.MustCompile(`^(?:command|args): \[(.*)\]$`)
	inline     = regexp.MustCompile("`((?:sts-helper|make|go (?:test|run|install)|kubectl|kustomize|helm) [^`]+)`")
	comment    = regexp.MustCompile(` {2,}# .*$| {3,}\S.*$`)
)

// commandLines are the command lines of a page: in its code blocks, with their continuations
// joined and their comments dropped, and in its text between backquotes.
func commandLines(page string) (lines []string) {
	text, fenced, pending := "", false, ""
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		if !fenced && !strings.HasPrefix(line, "    ") {
			text += line + " "
			continue
		}
		line = strings.TrimSpace(line)
		if rest, more := strings.CutSuffix(line, `\`); more {
			pending += strings.TrimSpace(rest) + " "
			continue
		}
		if (strings.HasPrefix(line, "command: [") || strings.HasPrefix(line, "args: [")) && !strings.HasSuffix(line, "]") {
			pending += line + " "
			continue
		}
		line, pending = comment.ReplaceAllString(pending+line, ""), ""
		for _, form := range []*regexp.Regexp{inBlock, inConfig, inManifest} {
			if m := form.FindStringSubmatch(line); m != nil {
				lines = append(lines, m[1])
			}
		}
	}
	for _, m := range inline.FindAllStringSubmatch(text, -1) {
		lines = append(lines, strings.Join(strings.Fields(m[1]), " "))
	}
	return lines
}

// reader is a user who does what the documents say: alice, with a key, the roles and profiles that
// they name, stand-ins for the programs, a CI job's token, and what a friend has sent to her.
type reader struct {
	*harness.World
	root string
	key  string // her public SSH key
}

func newReader(t *testing.T) *reader {
	t.Helper()
	root, _ := pages(t)
	r := &reader{World: harness.NewWorld(t), root: root}
	r.STS.AddRole(harness.Account, "deploy")
	r.STS.SetAccount(emulator.Account{ID: harness.Account, OutboundFederation: true})
	r.STS.AddRole("444455556666", "deploy", emulator.Trust(r.User.ARN))
	issuer := r.STS.AddOIDCProvider(harness.Account, "https://ci.example.com", "sts.amazonaws.com")
	r.STS.AddRole(harness.Account, "ci", emulator.Trust(issuer.ARN, harness.Account))
	harness.Must(t, r.Write("token", issuer.Token("job", "sts.amazonaws.com", time.Now().Add(time.Hour))))
	role := func(profile, arn string) string {
		return "[profile." + profile + "]\nsource_profile = \"base\"\nrole_arn = \"" + arn + "\"\n"
	}
	harness.Must(t, r.Write(".config/sts-helper/config.toml", role("dev", "arn:aws:iam::111122223333:role/deploy")+
		role("prod", "arn:aws:iam::444455556666:role/deploy")+role("ci", "arn:aws:iam::111122223333:role/ci")+"[profile.work]\nsource_profile = \"base\"\n"))
	harness.Must(t, r.Write(".aws/config", "[profile dev]\ncredential_process = sts-helper --profile dev\nregion = eu-west-1\n"+
		"[profile ops]\nrole_arn = arn:aws:iam::111122223333:role/deploy\nsource_profile = base\n"))
	harness.Must(t, r.Write(".config/sts-helper/credentials", r.Read(t, ".aws/credentials")))
	harness.Must(t, r.Write(".ssh/keep", ""))
	key := filepath.Join(r.Dir, ".ssh", "id_ed25519")
	if out, err := exec.Command(harness.Need(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "alice", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.key = strings.TrimSpace(r.Read(t, ".ssh/id_ed25519.pub"))
	sealed := r.Run(t, "grant", "TemporaryUser", "--source-profile", "base", "--allow", "ec2:*", "--to", r.key)
	for _, name := range []string{"sealed.txt", "for-bob.age"} {
		harness.Must(t, r.Write(name, sealed.Stdout))
	}
	for _, name := range []string{"FILE", "policy.json"} {
		harness.Must(t, r.Write(name, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:DescribeImages","Resource":"*"}}`))
	}
	r.standIns(t)
	return r
}

// standIns puts programs before the real ones that ask STS who they are, as the AWS CLI prints it.
func (r *reader) standIns(t *testing.T) {
	t.Helper()
	whoami := harness.Program(t, "whoami")
	write := func(name, script string) {
		name = filepath.Join("bin", name)
		harness.Must(t, r.Write(name, "#!/bin/sh\n"+script))
		harness.Must(t, os.Chmod(filepath.Join(r.Dir, name), 0o755))
	}
	for _, name := range []string{"aws", "terraform", "tofu", "code", "bash", "read-logs"} {
		write(name, "arn=$("+whoami+") || exit\nprintf '{\\n    \"Arn\": \"%s\"\\n}\\n' \"$arn\"\n")
	}
	write("buildkite-agent", "cat \"$HOME/token\"\n")
	r.Env["PATH"] = filepath.Join(r.Dir, "bin") + ":" + filepath.Dir(r.Bin) + ":/usr/bin:/bin"
}

// shell runs a line as she would type it; it must succeed.
func (r *reader) shell(t *testing.T, line string) harness.Result {
	t.Helper()
	line = strings.NewReplacer("ssh-ed25519 AAAA...", r.key, "/run/ci/token", r.Dir+"/token", "./read-logs", "read-logs", "key.txt", ".ssh/id_ed25519").Replace(line)
	cmd := exec.CommandContext(harness.Context(t), harness.Need(t, "sh"), "-c", line)
	cmd.Env, cmd.Dir = r.Environ(), r.Dir
	result := r.Finish(t, cmd)
	if result.Code != 0 {
		t.Errorf("exit %d: %s", result.Code, result.Stderr)
	}
	return result
}

// way is how to try a command line.
type way func(t *testing.T, line string)

// run runs it in a shell.
func run(t *testing.T, line string) { newReader(t).shell(t, line) }

// credentials runs it, and it must print a process document.
func credentials(t *testing.T, line string) {
	r := newReader(t)
	line = strings.Replace(line, "/usr/local/bin/", "", 1)
	if strings.Contains(line, "--granted") {
		r.shell(t, "sts-helper accept sealed.txt")
	}
	r.Creds(t, r.shell(t, line))
}

// storedKeys runs a line with alice's key in a store, or to store it.
func storedKeys(t *testing.T, line string) {
	r := newReader(t)
	r.Env["DBUS_SESSION_BUS_ADDRESS"] = harness.NewSecretService(t).Address
	r.Env["AWS_ENDPOINT_URL_IAM"] = r.STS.URL()
	add := "printf '%s\\n' " + r.User.AccessKeyID + " '" + r.User.SecretAccessKey + "' | sts-helper keys add work"
	if !strings.HasPrefix(line, "sts-helper keys add") {
		r.shell(t, add)
		add = line
	}
	r.shell(t, add)
}

// movesKeys runs a line that takes alice's key out of its file, into a store.
func movesKeys(t *testing.T, line string) {
	r := newReader(t)
	r.Env["DBUS_SESSION_BUS_ADDRESS"] = harness.NewSecretService(t).Address
	if !strings.Contains(line, "--yes") {
		line += " --yes" // there is no user to ask
	}
	r.shell(t, line)
}

// serves starts a server, which must give credentials, and ends it.
func serves(t *testing.T, line string) {
	r := newReader(t)
	args := strings.Fields(strings.ReplaceAll(line, "~", r.Dir))[1:]
	s := r.PrepareServer(t)
	s.EnvFile = args[slices.Index(args, "--env-file")+1]
	harness.Must(t, os.MkdirAll(filepath.Dir(s.EnvFile), 0o700))
	s.Cmd = r.Home.Command(context.Background(), append(args, "--listen", "127.0.0.1:0")...) // the usual port may be taken
	s.Begin(t)
	s.AwaitReady(t)
	s.Creds(t, "dev")
	if code := s.Stop(t); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// evaluated runs a line that changes the variables of a shell.
func evaluated(t *testing.T, line string) {
	r := newReader(t)
	has := r.shell(t, "AWS_SESSION_TOKEN=before; "+line+`; echo "${AWS_SESSION_TOKEN-none}"`).Stdout
	if off := strings.Contains(line, "--unset"); has == "before\n" || off != (has == "none\n") {
		t.Errorf("the token is %.20q then", has)
	}
}

// logged runs a line where something was handed out with a log.
func logged(t *testing.T, line string) {
	r := newReader(t)
	harness.Must(t, r.Write(".config/sts-helper/config.toml", "[audit]\nfile = \"~/audit.log\"\n"))
	r.Creds(t, r.Run(t, "--source-profile", "base"))
	r.shell(t, line)
}

// target looks whether the Makefile has it; what it does is too much here.
func target(t *testing.T, line string) {
	root, _ := pages(t)
	cmd := exec.Command(harness.Need(t, "make"), append([]string{"--dry-run", "--no-print-directory"}, strings.Fields(line)[1:]...)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// makes runs a target of the Makefile.
func makes(t *testing.T, line string) {
	root, _ := pages(t)
	cmd := exec.CommandContext(harness.Context(t), harness.Need(t, "sh"), "-c", line)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil || len(out) == 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// hasTests looks whether the package of a "go test" has tests of that name.
func hasTests(t *testing.T, line string) {
	root, _ := pages(t)
	args := strings.Fields(line)
	pattern := ""
	if i := slices.Index(args, "-run"); i > 0 {
		pattern, _, _ = strings.Cut(strings.Trim(args[i+1], "'"), "/")
	}
	files, _ := filepath.Glob(filepath.Join(root, args[2], "*_test.go"))
	for _, name := range files {
		b, err := os.ReadFile(name)
		harness.Must(t, err)
		if regexp.MustCompile(`(?m)^func Test\w*` + strings.TrimPrefix(pattern, "Test")).Match(b) {
			return
		}
	}
	t.Errorf("no test %q in %s", pattern, args[2])
}

// not says why a line is not run here.
func not(why string) way {
	return func(t *testing.T, _ string) { t.Helper(); t.Logf("not run: %s", why) }
}

var (
	containers = not("TestServeContainers, TestServeSidecar and TestImage run containers in each of these ways")
	logins     = not("integration/e2e/login logs in and out by an identity center of its own")
	asks       = not("it asks on the terminal: the same line is in a transcript, or in TestSetupAsks")
	addresses  = not("TestServeWellKnownAddresses does this in a network of its own")
	cluster    = not("TestCommandLinesOfTheCluster of integration/kubernetes does so with the real API server")
	typed      = not("TestClientsPage of integration/sdk types the whole page")
	elsewhere  = not("it needs another shell: TestShellsReadItBack of internal/render has each that is installed read what is printed")
	windows    = not("TestPageOfWindows of integration/e2e/systems does so under Wine")
)

// tried has those command lines of the documents for which the rules of [wayOf] are not enough.
var tried = []struct {
	line string
	way  way
}{
	{"make demo", func(t *testing.T, line string) { harness.Long(t, "shows everything"); makes(t, line) }},
	{"make help", makes}, {"aws sts get-caller-identity", windows},
	{"CGO_ENABLED=0 go install github.com/sts-helper/sts-helper/cmd/sts-helper@latest", not("it asks the network for a release")},
	{"sts-helper env --format json", help}, {"sts-helper setup --output json", help},
	{"sts-helper setup --move-keys --store system", movesKeys}, {"sts-helper setup --yes --move-keys --store system", movesKeys},
	{"sts-helper setup --move-keys", asks}, {"sts-helper setup --access-key --profile work", asks},
	{"sts-helper setup --access-key --profile work --region eu-west-1", asks},
	{"sts-helper setup --sso-start-url https://d-1234567890.awsapps.com/start --region eu-west-1", asks},
	{"sts-helper setup --sso-start-url URL", asks}, {"sts-helper setup --remove", asks},
	{"sts-helper login --device-code dev", logins},
	{"sts-helper keys add work --from-profile base", not("TestAddFromProfile does this in a home of its own")},
	{"sts-helper keys rotate work --mfa-serial auto", not("it asks for a code; TestRotateWithMFA gives one")},
	{"sts-helper keys remove work", not("it asks on the terminal; with --yes it is tried")},
	{"sts-helper console dev --open --destination s3", not("it opens a browser; TestConsole takes the URL")},
	{"sts-helper healthcheck 127.0.0.1:9911", not("TestHealthcheck asks a server of its own")}, {"sts-helper healthcheck [ADDRESS]", help},
	{"sts-helper node-address", not("it changes the machine's network; TestNode and TestAddAddresses have networks of their own")},
	{"sts-helper status --watch", not("it goes on until Ctrl-C; TestStatusWatch ends it")},
}

// wayOf is how a line is tried that has no row of its own.
func wayOf(line string) way {
	words := strings.Fields(line)
	has := func(word string) bool { return slices.Contains(words, word) }
	switch {
	case strings.Contains(line, `\`): // a path of Windows
		return windows
	case strings.Contains(line, "...") && !strings.Contains(line, "'ssh-ed25519 AAAA...'"):
		return not("it is cut short")
	case words[0] == "make":
		return target
	case words[0] == "go" && words[1] == "test":
		return hasTests
	case words[0] == "podman", words[0] == "docker", strings.HasPrefix(line, "serve, --"):
		return containers
	case words[0] == "sudo", words[0] == "ip", strings.Contains(line, "--ecs-address"), strings.Contains(line, "--loopback-alias"):
		return addresses
	case words[0] == "kubectl", words[0] == "kustomize", words[0] == "helm":
		return cluster
	case words[0] == "eval":
		return evaluated
	case words[0] == "systemctl":
		return not("it needs systemd's manager; TestServeUnits and TestServeSocketActivation do without")
	case strings.HasSuffix(words[0], "dialog.sh"):
		return not("it needs a display and the real programs; TestDialog has a stand-in")
	case has("Invoke-Expression"):
		return not("TestPowerShellIsGivenVariables and, where it is installed, TestPowerShell do so")
	case has("source"):
		return elsewhere
	case !strings.HasSuffix(words[0], "sts-helper"), has("[flags]"), has("COMMAND"), has("NAME"), has("CMD"):
		return nil
	case len(words) == 2 && !strings.HasPrefix(words[1], "-") && !slices.Contains([]string{"status", "doctor", "version"}, words[1]):
		return nil
	case has("--source-key") && len(words) == 3:
		return storedKeys
	case len(words) == 1, strings.HasPrefix(words[1], "-") && words[1] != "--version", words[1] == "process" && !has("--format"):
		return credentials
	case words[1] == "serve":
		return serves
	case words[1] == "audit":
		return logged
	case has("corp"):
		return logins
	case words[1] == "keys" && len(words) > 2, has("--source-key"):
		return storedKeys
	}
	return run
}

// A line that only names a command or shows how one is written has its help tried.
func help(t *testing.T, line string) {
	words := strings.Fields(line)
	name := words[:1]
	for _, w := range words[1:] {
		if !regexp.MustCompile(`^[a-z][a-z-]*$`).MatchString(w) {
			break
		}
		name = append(name, w)
	}
	run(t, strings.Join(name, " ")+" --help")
}

// Every command line in the documents works, or the list above says why it was not tried.
func TestCommandLinesOfTheDocuments(t *testing.T) {
	harness.Long(t, "types two hundred lines")
	known := map[string]way{}
	for _, c := range tried {
		known[c.line] = c.way
	}
	found := map[string]bool{}
	root, files := pages(t)
	for _, name := range files {
		page, err := os.ReadFile(filepath.Join(root, name))
		harness.Must(t, err)
		for _, line := range commandLines(string(page)) {
			if found[line] {
				continue
			}
			found[line] = true
			how := known[line]
			switch {
			case how != nil:
			case name == "docs/clients.md":
				how = typed
			default:
				how = wayOf(line)
			}
			if words := strings.Fields(line); how == nil && words[0] == "sts-helper" {
				how = help
			}
			t.Run(fmt.Sprintf("%s: %.60s", name, line), func(t *testing.T) {
				t.Parallel()
				if how == nil {
					t.Fatalf("%q was never tried: add it to the table", line)
				}
				how(t, line)
			})
		}
	}
	for _, c := range tried {
		if !found[c.line] {
			t.Errorf("no document says %q", c.line)
		}
	}
	if len(found) < 30 {
		t.Errorf("only %d command lines found", len(found))
	}
}
