package daily_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// pages are the documents whose command lines are tried.
func pages(t *testing.T) (root string, names []string) {
	t.Helper()
	root, err := harness.Root()
	harness.Must(t, err)
	names = []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"}
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	harness.Must(t, err)
	for _, d := range docs {
		names = append(names, "docs/"+filepath.Base(d))
	}
	return root, names
}

var (
	inBlock    = regexp.MustCompile(`^(?:\$ )?((?:sts-helper|make|go|sudo|ip|podman|docker|aws|curl|systemctl|launchctl|integration/\S+\.sh) .*)$`)
	inConfig   = regexp.MustCompile(`^(?:credential_process|ExecStart) *= *(.*?)(?: {3,}.*)?$`)
	inManifest = regexp.MustCompile(`^command: \[(.*)\]$`)
	inline     = regexp.MustCompile("`((?:sts-helper|make|go (?:test|run|install)) [^`]+)`")
	comment    = regexp.MustCompile(` {2,}# .*$`)
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
		if strings.HasPrefix(line, "command: [") && !strings.HasSuffix(line, "]") {
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

// reader is a user who does what the documents say: alice, with a key, a role, and the profiles
// that they name; and what a friend has sent to her.
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
	harness.Must(t, r.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\n"))
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
	harness.Must(t, r.Write("FILE", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:DescribeImages","Resource":"*"}}`))
	return r
}

// shell runs a line as she would type it; it must succeed.
func (r *reader) shell(t *testing.T, line string) harness.Result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), harness.Need(t, "sh"), "-c", strings.ReplaceAll(line, "ssh-ed25519 AAAA...", r.key))
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
	cmd := exec.CommandContext(t.Context(), harness.Need(t, "sh"), "-c", line)
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

// stood runs a line with another program in the place of AWS's own, which asks STS who it is.
func stood(t *testing.T, line string) {
	before, _, _ := strings.Cut(line, " -- ")
	run(t, before+" -- "+harness.Program(t, "whoami"))
}

// not says why a line is not run here.
func not(why string) way {
	return func(t *testing.T, _ string) { t.Helper(); t.Logf("not run: %s", why) }
}

var (
	containers = not("TestServeContainers and TestServeSidecar run containers in each of these ways")
	logins     = not("integration/e2e/login logs in and out by an identity center of its own")
	setups     = not("TestSetupAsTheDocumentHasIt does")
	addresses  = not("TestServeWellKnownAddresses does this in a network of its own")
)

// tried has the command lines of the documents, and how each is tried.
var tried = []struct {
	line string
	way  way
}{
	{"make demo", func(t *testing.T, line string) { harness.Long(t, "shows everything"); makes(t, line) }},
	{"make help", makes},
	{"make test", target}, {"make sdk-tools", target}, {"make conformance", target}, {"make bench", target}, {"make check", target}, {"make test-short", target},
	{"make install", target}, {"make install PREFIX=~/.local", target},
	{"go install github.com/sts-helper/sts-helper/cmd/sts-helper@latest", not("it asks the network for a release")},
	{"sts-helper --source-profile base", credentials},
	{"sts-helper --source-profile base --role-arn arn:aws:iam::111122223333:role/deploy", credentials},
	{"sts-helper --source-profile base --federation-name ci --allow 's3:Get*' --resource 'arn:aws:s3:::bucket/*'", credentials},
	{"sts-helper --profile dev", credentials},
	{"/usr/local/bin/sts-helper --source-profile base --region eu-west-1", credentials},
	{"sts-helper --granted TemporaryUser", credentials},
	{"sts-helper serve --profile dev --imds dev --env-file ~/.sts-helper.env", serves},
	{"sts-helper serve --profile dev --imds dev --env-file ~/.aws/dev.env", serves},
	{"sts-helper serve --profile dev --imds dev --env-file ~/.config/sts-helper/serve.env", serves},
	{"sts-helper grant TemporaryUser --source-profile base --allow ec2:DescribeImages --duration 3h --to 'ssh-ed25519 AAAA...'", run},
	{"sts-helper grant TemporaryUser --source-profile base --allow 'ec2:Describe*' --deny ec2:DescribeImages --duration 3h --to 'ssh-ed25519 AAAA...' > for-bob.age", run},
	{"sts-helper accept sealed.txt", run},
	{"sts-helper accept for-bob.age", run},
	{"sts-helper policy check FILE", run},
	{"sts-helper login --all", run},
	{"sts-helper login corp", logins}, {"sts-helper login NAME", logins}, {"sts-helper logout corp", logins}, {"sts-helper logout NAME", logins},
	{"sts-helper logout --all", run},
	{"sts-helper setup --yes dev", setups}, {"sts-helper setup --yes --move-keys", setups}, {"sts-helper setup --remove", setups},
	{"sts-helper setup --access-key --profile work --region eu-west-1", setups},
	{"sts-helper setup --sso-start-url https://d-1234567890.awsapps.com/start --region eu-west-1", setups},
	{"sts-helper help settings", run},
	{"sts-helper console dev --open", not("it opens a browser; TestConsole takes the URL")},
	{"sts-helper doctor --output json", run},
	{"sts-helper status --output json", run}, {"sts-helper status --short dev", run}, {"sts-helper status --long", run},
	{"sts-helper exec dev -- aws s3 ls", stood},
	{"sts-helper exec dev --serve -- terraform apply", stood},
}

// Every command line in the documents works, or it stands above why it was not tried.
func TestCommandLinesOfTheDocuments(t *testing.T) {
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
			words := strings.Fields(line)
			switch {
			case how != nil:
			case strings.Contains(line, "..."):
				how = not("it is cut short")
			case words[0] == "sts-helper" && len(words) == 2: // a command's name
				line, how = line+" --help", run
			case words[0] == "go" && words[1] == "test":
				how = hasTests
			case words[0] == "podman", words[0] == "docker", strings.HasPrefix(line, "/sts-helper, serve,"):
				how = containers
			case words[0] == "sudo", words[0] == "ip", strings.Contains(line, "--ecs-address"), strings.Contains(line, "--loopback-alias"):
				how = addresses
			case words[0] == "systemctl":
				how = not("it needs systemd's manager; TestServeUnits and TestServeSocketActivation do without")
			case strings.HasSuffix(words[0], "dialog.sh"):
				how = not("it needs a display and the real programs; TestDialog has a stand-in")
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
