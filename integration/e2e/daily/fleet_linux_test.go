package daily_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// fleet runs the helper, the one that is shipped, on a machine with settings in /etc/xdg: in a mount
// namespace that has another /etc, whose files are root's.
type fleet struct {
	*harness.World
	etc     string
	unshare string
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{World: harness.NewWorld(t), etc: filepath.Join(t.TempDir(), "etc"), unshare: harness.Need(t, "unshare")}
	harness.Must(t, os.MkdirAll(filepath.Join(f.etc, "xdg"), 0o755))
	for _, name := range []string{"passwd", "group"} {
		b, err := os.ReadFile("/etc/" + name)
		harness.Must(t, err)
		harness.Must(t, os.WriteFile(filepath.Join(f.etc, name), b, 0o644))
	}
	if r := f.script(t, "true", ""); r.Code != 0 {
		t.Skipf("cannot mount: %s", r.Stderr)
	}
	return f
}

func (f *fleet) file() string { return filepath.Join(f.etc, "xdg", "sts-helper", "config.toml") }

func (f *fleet) write(t *testing.T, content string) {
	t.Helper()
	harness.Must(t, os.MkdirAll(filepath.Dir(f.file()), 0o755))
	harness.Must(t, os.WriteFile(f.file(), []byte(content), 0o644))
}

// script runs a shell script there, $STS being the helper.
func (f *fleet) script(t *testing.T, script string, namespaces string, env ...string) harness.Result {
	t.Helper()
	return f.Finish(t, f.command(script, namespaces, env...))
}

func (f *fleet) command(script string, namespaces string, env ...string) *exec.Cmd {
	args := []string{"-m"}
	if os.Geteuid() != 0 {
		args = []string{"-Urm"}
	}
	inner := ""
	if namespaces != "" {
		inner = f.unshare + " " + namespaces + " "
	}
	cmd := exec.Command(f.unshare, append(args, "sh", "-c", `mount --make-rprivate / && mount --bind "$ETC" /etc && exec `+inner+`sh -c "$0"`, script)...)
	cmd.Env = f.Environ(append(env, "ETC="+f.etc, "STS="+f.Bin)...)
	cmd.Dir = f.Dir
	return cmd
}

// A policy binds every layer, its line is named, and it counts from the moment that it is there, for
// lines that were answered before, too.
func TestFleet(t *testing.T) {
	t.Parallel()
	harness.OnlyLinux(t, "user namespaces")
	f := newFleet(t)
	const line = `"$STS" --source-profile base --duration 10h`
	ok := func(r harness.Result) {
		t.Helper()
		if r.Code != 0 || !strings.Contains(r.Stdout, harness.Canary) {
			t.Fatalf("exit %d, %s", r.Code, r.Stderr)
		}
	}
	refused := func(r harness.Result, want string) {
		t.Helper()
		if r.Code != harness.ExitConfig || r.Stdout != "" || !strings.Contains(r.Stderr, want) {
			t.Errorf("exit %d, %q, want %q", r.Code, r.Stderr, want)
		}
	}
	ok(f.script(t, line, ""))
	if r, direct := f.Directly(t, f.command(line, "")); !direct {
		t.Errorf("the second call was no direct answer: %d, %s", r.Code, r.Stderr)
	}
	calls := len(f.STS.Requests())

	f.write(t, "# ours\n[policy]\nmax_duration = \"8h\"\n")
	const forbids = "/etc/xdg/sts-helper/config.toml:3: this machine's policy: max_duration is 8h"
	refused(f.script(t, line, ""), forbids)
	refused(f.script(t, line, ""), forbids)
	refused(f.script(t, `"$STS" --source-profile base`, "", "STS_HELPER_DURATION=9h"), forbids)
	ok(f.script(t, `"$STS" --source-profile base`, ""))
	if last := f.STS.Requests()[len(f.STS.Requests())-1]; len(f.STS.Requests()) != calls+1 || last.Duration != "28800" {
		t.Errorf("STS was asked for %q", last.Duration)
	}
	// No other file, variable or directory takes its place.
	harness.Must(t, f.Write("xdg/sts-helper/config.toml", "[policy]\nmax_duration = \"36h\"\n"))
	refused(f.script(t, line, "", "XDG_CONFIG_DIRS="+filepath.Join(f.Dir, "xdg")), forbids)
	refused(f.script(t, line, "", "STS_HELPER_CONFIG="+filepath.Join(f.Dir, "xdg/sts-helper/config.toml")), "section [policy] is for a whole machine")

	f.write(t, "[policy]\ngrant_plain = false\n")
	refused(f.script(t, `"$STS" grant who --source-profile base --no-policy --plain`, ""), "config.toml:2: this machine's policy: credentials are not granted without a seal")
	harness.Must(t, f.Write("key.json", fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q}`, f.User.AccessKeyID, f.User.SecretAccessKey)))
	ok(f.script(t, `"$STS" --source-command 'cat key.json'`, "")) // what is kept of it is of no use then
	f.write(t, "[policy]\nrequire_mfa = true\n")
	refused(f.script(t, `"$STS" --source-command 'cat key.json'`, ""), "config.toml:2: this machine's policy: require_mfa is true, and the source command gives a long-term key")
	// So it is whatever gives it.
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"AccessKeyId":%q,"SecretAccessKey":%q}`, f.User.AccessKeyID, f.User.SecretAccessKey)
	}))
	defer endpoint.Close()
	refused(f.script(t, `"$STS"`, "", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+endpoint.URL, "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_CONFIG_FILE=/dev/null"),
		"config.toml:2: this machine's policy: require_mfa is true, and the container credentials endpoint gives a long-term key")
	// STS takes no session of a user for a web identity token: the key would sign, whatever device it has.
	f.STS.SetAccount(emulator.Account{ID: harness.Account, OutboundFederation: true})
	device := f.STS.AddMFADevice(f.User, "phone")
	refused(f.script(t, `"$STS" web-identity --source-profile base --mfa-serial "$DEVICE" --audience https://example.com`, "", "DEVICE="+device.SerialNumber),
		"config.toml:2: this machine's policy: require_mfa is true, and AWS profile \"base\" gives a long-term key; ask with a role")
	f.write(t, "[policy]\nmax_duration = \"30m\"\n")
	const token = `"$STS" web-identity --source-profile base --audience https://example.com --duration `
	refused(f.script(t, token+"31m", ""), "config.toml:2: this machine's policy: max_duration is 30m, and 31m is asked for by --duration; ask for no more")
	if r := f.script(t, token+"30m", ""); r.Code != 0 || strings.Count(r.Stdout, ".") != 2 {
		t.Errorf("exit %d, %s", r.Code, r.Stderr)
	}
	// What a source gives is out of our hands, so it is not handed out.
	f.write(t, "[policy]\nmax_duration = \"1h\"\n")
	harness.Must(t, f.Write("key.json", `{"Version":1,"AccessKeyId":"ASIAIOSFODNN7EXAMPLE","SecretAccessKey":"CANARYwJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLE","SessionToken":"CANARY","Expiration":"2100-01-01T00:00:00Z"}`))
	refused(f.script(t, `"$STS" --source-command 'cat key.json'`, ""), "config.toml:2: this machine's policy: max_duration is 1h, and the credentials of default live for another")
	// Narrowed it is handed out, for as long as the policy allows.
	harness.Must(t, os.Remove(f.file()))
	session := f.script(t, `"$STS" --source-profile base`, "")
	ok(session)
	harness.Must(t, f.Write("session.json", session.Stdout))
	f.write(t, "[policy]\nmax_duration = \"1h\"\n")
	for _, narrowed := range []string{`--source-command 'cat session.json' --allow 's3:*'`, `--source-profile base --allow 's3:*'`} {
		r := f.script(t, `"$STS" `+narrowed, "")
		ok(r)
		end, err := time.Parse(time.RFC3339, f.Parse(t, r.Stdout).Expiration)
		all := f.STS.Requests()
		if last := all[len(all)-1]; err != nil || last.Duration != "3600" || end.After(time.Now().Add(time.Hour+time.Minute)) {
			t.Errorf("%s: %s for %s, until %v", narrowed, last.Operation, last.Duration, end)
		}
		refused(f.script(t, `"$STS" `+narrowed+` --duration 2h`, ""), "config.toml:2: this machine's policy: max_duration is 1h, and 2h is asked for by --duration")
	}
	// The line of a prompt that was answered directly asks the policy, too.
	const short = `"$STS" status --short --source-profile base --duration 2h`
	harness.Must(t, os.Remove(f.file()))
	ok(f.script(t, `"$STS" --source-profile base --duration 2h`, ""))
	f.script(t, short, "")
	if r, direct := f.Directly(t, f.command(short, "")); !direct || !strings.HasPrefix(r.Stdout, "base ") {
		t.Errorf("no direct answer: exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	f.write(t, "[policy]\nmax_duration = \"1h\"\n")
	refused(f.script(t, short, ""), "config.toml:2: this machine's policy: max_duration is 1h")

	// Defaults and entries are there for all; status and doctor say where they come from.
	f.write(t, "[profile.ours]\nsource_profile = \"base\"\n")
	ok(f.script(t, `"$STS" --profile ours`, ""))
	if r := f.script(t, `"$STS" status -v; "$STS" doctor`, ""); !strings.Contains(r.Stdout, "this machine's settings: /etc/xdg/sts-helper/config.toml\n") || !strings.Contains(r.Stdout, "this machine's settings in /etc/xdg/sts-helper/config.toml") {
		t.Errorf("status and doctor: %s%s", r.Stdout, r.Stderr)
	}
	// In a container of the user's, root's files are nobody's.
	namespace := "--user --map-current-user"
	if os.Geteuid() == 0 {
		namespace = "--user"
	}
	ok(f.script(t, `"$STS" --profile ours`, namespace))

	for mode, path := range map[os.FileMode]string{0o666: f.file(), 0o777: filepath.Dir(f.file()), 0o775: filepath.Join(f.etc, "xdg")} {
		before, err := os.Stat(path)
		harness.Must(t, err)
		harness.Must(t, os.Chmod(path, mode))
		refused(f.script(t, `"$STS" --source-profile base --region eu-west-3`, ""), "config.toml: cannot be this machine's settings: ")
		harness.Must(t, os.Chmod(path, before.Mode()))
	}
	if os.Geteuid() == 0 {
		harness.Must(t, os.Chown(f.file(), 1, -1))
		refused(f.script(t, `"$STS" --source-profile base --region eu-west-3`, ""), "belongs to uid 1, not to root")
	}
}

// A server that runs is held to a policy from the moment that it is there, and gives nothing that it forbids, nor anything
// while the file cannot be read; it goes on when it may again.
func TestFleetServe(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	harness.Must(t, f.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\nduration = \"10h\"\n[profile.vault]\nsource_command = \"cat "+filepath.Join(f.Dir, "key.json")+"\"\n"))
	harness.Must(t, f.Write("key.json", `{"Version":1,"AccessKeyId":"ASIAIOSFODNN7EXAMPLE","SecretAccessKey":"CANARYwJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLE","SessionToken":"CANARY","Expiration":"2100-01-01T00:00:00Z"}`))
	cmd := f.command(`exec "$STS" serve --profile dev --profile vault --listen 127.0.0.1:0 --env-file "$HOME/serve.env"`, "")
	var log harness.Output
	cmd.Stderr = &log
	harness.Must(t, cmd.Start())
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the server's log:\n%s", log.String())
		}
	}()
	vars := map[string]string{}
	harness.Await(t, "the env-file", func() bool {
		b, _ := os.ReadFile(filepath.Join(f.Dir, "serve.env"))
		for line := range strings.Lines(string(b)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			vars[name] = strings.Trim(value, `"'`)
		}
		return vars["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] != ""
	})
	get := func(profile string) (code int, body string) {
		t.Helper()
		token, err := os.ReadFile(vars["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
		harness.Must(t, err)
		url := vars["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
		req, err := http.NewRequest(http.MethodGet, url[:strings.LastIndexByte(url, '/')+1]+profile, http.NoBody)
		harness.Must(t, err)
		req.Header.Set("Authorization", strings.TrimSpace(string(token)))
		resp, err := http.DefaultClient.Do(req)
		harness.Must(t, err)
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		harness.Must(t, err)
		return resp.StatusCode, string(b)
	}
	await := func(what string, given bool, profiles ...string) {
		t.Helper()
		harness.Await(t, what, func() bool {
			for _, p := range profiles {
				if code, body := get(p); (code == http.StatusOK) != given || given != strings.Contains(body, harness.Canary) {
					return false
				}
			}
			return true
		})
	}
	await("credentials", true, "dev", "vault")
	f.write(t, "[policy]\nmax_duration = \"36h\"\n")
	await("credentials that live longer than they may", false, "vault")
	await("credentials that may be asked for", true, "dev")
	f.write(t, "[policy]\nmax_duration = \"1h\"\n")
	await("what the policy forbids to be asked for", false, "dev", "vault")
	if !strings.Contains(log.String(), "config.toml:2: this machine's policy: max_duration is 1h, and 10h is asked for") {
		t.Errorf("not said: %s", log.String())
	}
	f.write(t, "[policy\n")
	await("a file that cannot be read", false, "dev", "vault")
	harness.Must(t, os.Remove(f.file()))
	await("no file", true, "dev", "vault")
}

// A token of another user is held to the policy, and to what agents get, also where it is opened and printed at once.
func TestFleetAccept(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	if r := f.script(t, `"$STS" grant who --source-profile base --no-policy --plain --duration 2h > "$HOME/granted"`, ""); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	const open = `"$STS" accept --plain --format env "$HOME/granted"`
	if r := f.script(t, open, ""); r.Code != 0 || !strings.Contains(r.Stdout, harness.Canary) {
		t.Fatalf("exit %d, %s", r.Code, r.Stderr)
	}
	refused := func(want string, env ...string) {
		t.Helper()
		if r := f.script(t, open, "", env...); r.Code != harness.ExitConfig || r.Stdout != "" || !strings.Contains(r.Stderr, want) {
			t.Errorf("exit %d, %q, want %q", r.Code, r.Stderr, want)
		}
	}
	f.write(t, "[policy]\nallowed_sources = [\"static\"]\n")
	refused("config.toml:2: this machine's policy: allowed_sources has only static, and the source is granted")
	f.write(t, "[policy]\nmax_duration = \"1h\"\n")
	refused("config.toml:2: this machine's policy: max_duration is 1h, and the credentials of who live for another 2h")
	f.write(t, "[agent]\nrefuse = true\n")
	refused("agents get no credentials here", "CLAUDECODE=1")
	f.write(t, "[agent]\nread_only = true\n")
	refused("does not go with a granted token", "CLAUDECODE=1")
}
