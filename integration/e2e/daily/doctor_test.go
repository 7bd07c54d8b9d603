package daily_test

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
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

// diagnosis is what doctor --output json prints.
type diagnosis struct {
	Version  int
	Healthy  bool
	Findings []struct{ Check, Level, Profile, Where, Problem, Mend string }
	SDKs     []struct {
		Profile string
		Choices []struct {
			SDK, Takes, Where string
			Runs              bool `json:"runs_process"`
		}
	}
}

func (d diagnosis) checks() (checks []string) {
	for _, f := range d.Findings {
		checks = append(checks, f.Check)
	}
	return checks
}

// diagnose runs doctor by a command, whose exit code must be that of what it says.
func diagnose(t *testing.T, w *harness.World, cmd *exec.Cmd) diagnosis {
	t.Helper()
	r := w.Finish(t, cmd)
	var d diagnosis
	if err := json.Unmarshal([]byte(r.Stdout), &d); err != nil || d.Version != 1 {
		t.Fatalf("exit %d, %v, %q, %q", r.Code, err, r.Stdout, r.Stderr)
	}
	code := harness.ExitConfig
	if d.Healthy {
		code = 0
	}
	if r.Code != code {
		t.Errorf("exit %d, %s%s", r.Code, r.Stdout, r.Stderr)
	}
	for _, f := range d.Findings {
		if f.Problem == "" || f.Mend == "" || f.Level != "problem" && f.Level != "advice" {
			t.Errorf("%+v", f)
		}
	}
	return d
}

// healthyHome is a home in which nothing is wrong: a whole path, and a key that no other program reads. line is
// its profile without the end.
func healthyHome(t *testing.T) (w *harness.World, line string) {
	t.Helper()
	w = harness.NewWorld(t)
	keys := filepath.Join(w.Dir, ".aws", "credentials")
	data, err := os.ReadFile(keys)
	harness.Must(t, err)
	harness.Must(t, os.Remove(keys))
	harness.Must(t, w.Write(".config/sts-helper/credentials", string(data)))
	line = "[profile app]\ncredential_process = " + w.Bin + " --source-profile base --credentials-file ~/.config/sts-helper/credentials"
	config(t, w, line)
	return w, line
}

func config(t *testing.T, w *harness.World, text string) {
	t.Helper()
	harness.Must(t, w.Write(".aws/config", text+"\n"))
}

// Each finding is provoked, and nothing is found on a healthy home.
func TestDoctor(t *testing.T) {
	t.Parallel()
	shared := func(t *testing.T, w *harness.World) { // the key where every program reads it
		data, err := os.ReadFile(filepath.Join(w.Dir, ".config/sts-helper/credentials"))
		harness.Must(t, err)
		harness.Must(t, w.Write(".aws/credentials", string(data)))
	}
	chown := func(t *testing.T, w *harness.World, name string) {
		if os.Geteuid() != 0 {
			t.Skip("only root gives files away")
		}
		harness.Must(t, os.Chown(filepath.Join(w.Dir, name), 12345, -1))
	}
	rows := []struct {
		name, check string
		advice      bool
		provoke     func(t *testing.T, w *harness.World, line string)
	}{
		{"healthy", "", false, func(*testing.T, *harness.World, string) {}},
		{"healthy, with a token", "", false, func(t *testing.T, w *harness.World, _ string) { w.Run(t, "login", "app") }},
		{"not in PATH", "helper-not-found", false, func(t *testing.T, w *harness.World, line string) {
			config(t, w, strings.Replace(line, filepath.Dir(w.Bin)+"/", "", 1))
			w.Env["PATH"] = "/nowhere"
		}},
		{"gone", "helper-not-found", false, func(t *testing.T, w *harness.World, line string) {
			config(t, w, strings.Replace(line, w.Bin, "/nowhere/sts-helper", 1))
		}},
		{"in this PATH alone", "path", true, func(t *testing.T, w *harness.World, line string) {
			config(t, w, strings.Replace(line, filepath.Dir(w.Bin)+"/", "", 1))
		}},
		{"another helper", "other-helper", true, func(t *testing.T, w *harness.World, line string) {
			other := filepath.Join(w.Dir, "sts-helper")
			harness.Must(t, os.WriteFile(other, []byte("#!/bin/sh\n"), 0o755))
			config(t, w, strings.Replace(line, w.Bin, other, 1))
		}},
		{"tilde", "tilde", false, func(t *testing.T, w *harness.World, line string) {
			config(t, w, strings.Replace(line, w.Bin, "~/bin/sts-helper", 1))
		}},
		{"keys", "shadowing-keys", false, func(t *testing.T, w *harness.World, line string) {
			config(t, w, line+"\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARY")
		}},
		{"role", "role-beside-process", false, func(t *testing.T, w *harness.World, line string) { config(t, w, line+"\nsource_profile = base") }},
		{"login", "login-beside-process", false, func(t *testing.T, w *harness.World, line string) { config(t, w, line+"\nsso_session = corp") }},
		{"variable", "shadowing-variable", false, func(_ *testing.T, w *harness.World, _ string) { w.Env["AWS_ACCESS_KEY_ID"] = "AKIAIOSFODNN7EXAMPLE" }},
		{"container variable", "shadowing-variable", false, func(_ *testing.T, w *harness.World, _ string) {
			w.Env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:1/"
		}},
		{"mode of keys", "mode", false, func(t *testing.T, w *harness.World, _ string) {
			harness.Must(t, w.Write(".aws/credentials", ""))
			harness.Must(t, os.Chmod(filepath.Join(w.Dir, ".aws", "credentials"), 0o644))
		}},
		{"mode of the config file", "mode", false, func(t *testing.T, w *harness.World, _ string) {
			harness.Must(t, os.Chmod(filepath.Join(w.Dir, ".aws", "config"), 0o664))
		}},
		{"mode of a login", "mode", false, func(t *testing.T, w *harness.World, _ string) {
			harness.Must(t, w.Write(".aws/sso/cache/x.json", "{}"))
			harness.Must(t, os.Chmod(filepath.Join(w.Dir, ".aws/sso/cache/x.json"), 0o640))
		}},
		{"mode of the cache", "mode", false, func(t *testing.T, w *harness.World, _ string) {
			w.Run(t, "--source-profile", "base", "--credentials-file", ".config/sts-helper/credentials")
			harness.Must(t, os.Chmod(w.Cache(), 0o755))
		}},
		{"owner of the config file", "owner", false, func(t *testing.T, w *harness.World, _ string) { chown(t, w, ".aws/config") }},
		{"owner of the cache", "owner", false, func(t *testing.T, w *harness.World, _ string) {
			w.Run(t, "login", "app")
			chown(t, w, ".cache/sts-helper")
		}},
		{"clock", "clock", false, func(_ *testing.T, w *harness.World, _ string) {
			w.STS.SetNow(func() time.Time { return time.Now().Add(time.Hour) })
		}},
		{"endpoint away", "endpoint", false, func(_ *testing.T, w *harness.World, _ string) { w.Env["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:1" }},
		{"short life", "short-life", false, func(t *testing.T, w *harness.World, line string) { config(t, w, line+" --duration 15m") }},
		{"short session", "short-life", false, func(t *testing.T, w *harness.World, line string) {
			role := w.STS.AddRole(harness.Account, "deploy")
			d := w.STS.AddMFADevice(w.User, "alice")
			config(t, w, line+" --role-arn "+role.ARN+" --session-duration 15m --mfa-serial "+d.SerialNumber)
		}},
		{"no cache", "cache", false, func(t *testing.T, w *harness.World, _ string) {
			harness.Must(t, w.Write(".cache/sts-helper", "no directory"))
		}},
		{"source missing", "configuration", false, func(t *testing.T, w *harness.World, line string) {
			config(t, w, strings.Replace(line, "base", "missing", 1))
		}},
		{"its own source", "loop", false, func(t *testing.T, w *harness.World, _ string) {
			config(t, w, "[profile app]\ncredential_process = "+w.Bin+" --source-profile app")
		}},
		{"sources in a circle", "loop", false, func(t *testing.T, w *harness.World, _ string) {
			const role = "\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = "
			config(t, w, "[profile app]\ncredential_process = "+w.Bin+" --source-profile a\n[profile a]"+role+"b\n[profile b]"+role+"a")
		}},
		{"region disabled", "region-disabled", false, func(_ *testing.T, w *harness.World, _ string) {
			w.STS.SetAccount(emulator.Account{ID: harness.Account, DisabledRegions: []string{"us-east-1"}})
		}},
		{"region of the last attempt disabled", "region-disabled", false, func(t *testing.T, w *harness.World, line string) {
			w.Env["AWS_SESSION_TOKEN"], w.Env["AWS_ACCESS_KEY_ID"], w.Env["AWS_SECRET_ACCESS_KEY"] = "", "", ""
			harness.Must(t, w.STS.AddFault(emulator.Fault{Op: "GetSessionToken", Kind: emulator.Refuse, Status: 403, Code: "RegionDisabledException", Message: "STS is not activated"}))
			w.Run(t, "login", "app")
		}},
		{"key deleted", "key-refused", false, func(_ *testing.T, w *harness.World, _ string) { w.STS.DeleteKey(w.User.AccessKeyID) }},
		{"role refused", "last-attempt", false, func(t *testing.T, w *harness.World, line string) {
			config(t, w, line+" --role-arn arn:aws:iam::"+harness.Account+":role/absent")
			w.Run(t, "login", "app")
		}},
		{"no such device", "mfa-device", false, func(t *testing.T, w *harness.World, line string) {
			w.Env["AWS_ENDPOINT_URL_IAM"] = w.STS.URL()
			w.STS.AddMFADevice(w.User, "phone")
			config(t, w, line+" --mfa-serial arn:aws:iam::"+harness.Account+":mfa/lost")
		}},
		{"no device at all", "mfa-device", false, func(t *testing.T, w *harness.World, line string) {
			w.Env["AWS_ENDPOINT_URL_IAM"] = w.STS.URL()
			config(t, w, line+" --mfa-serial auto")
		}},
		{"the device that there is", "", false, func(t *testing.T, w *harness.World, line string) {
			w.Env["AWS_ENDPOINT_URL_IAM"] = w.STS.URL()
			config(t, w, line+" --mfa-serial "+w.STS.AddMFADevice(w.User, "phone").SerialNumber)
		}},
		{"key in sight", "key-readable", true, func(t *testing.T, w *harness.World, line string) {
			shared(t, w)
			config(t, w, "[profile app]\ncredential_process = "+w.Bin+" --source-profile base")
		}},
		{"unreadable certificates", "ca-bundle", false, func(_ *testing.T, w *harness.World, _ string) { w.Env["AWS_CA_BUNDLE"] = "/nowhere/ca.pem" }},
	}
	provoked := []string{"locks", "file-system", "agent"} // by TestDoctorOfFileSystems and TestDoctorFindsAgents
	for _, tt := range rows {
		provoked = append(provoked, tt.check)
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, line := healthyHome(t)
			tt.provoke(t, w, line)
			asked := w.STS.Count("GetSessionToken") + w.STS.Count("AssumeRole")
			d := diagnose(t, w, w.Command(t, "doctor", "--output", "json"))
			if tt.check == "" && d.checks() != nil || tt.check != "" && !slices.Contains(d.checks(), tt.check) {
				t.Errorf("%+v", d.Findings)
			}
			if d.Healthy != (tt.check == "" || tt.advice) {
				t.Errorf("healthy: %v, %+v", d.Healthy, d.Findings)
			}
			if n := w.STS.Count("GetSessionToken") + w.STS.Count("AssumeRole"); n != asked {
				t.Errorf("STS was asked for credentials %d times", n-asked)
			}
		})
	}
	root, err := harness.Root()
	harness.Must(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "doctor.md"))
	harness.Must(t, err)
	documented := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(string(page), -1)
	for _, m := range documented {
		if !slices.Contains(provoked, m[1]) {
			t.Errorf("%s is in docs/doctor.md, and nothing provokes it", m[1])
		}
	}
	if len(documented) < 20 {
		t.Errorf("%d findings in docs/doctor.md", len(documented))
	}
}

// A key in sight is found, and what doctor advises mends it: by setup where an entry of config.toml names the key's
// profile, by hand where a credential_process line does.
func TestDoctorsAdviceMends(t *testing.T) {
	t.Parallel()
	for name, byHand := range map[string]bool{"an entry": false, "a line": true} {
		t.Run(name, func(t *testing.T) {
			w := harness.NewWorld(t)
			line := "[profile app]\ncredential_process = " + w.Bin + " --source-profile base"
			if !byHand {
				harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.app]\nsource_profile = \"base\"\n"))
				line = "[profile app]\ncredential_process = " + w.Bin + " --profile app"
			}
			config(t, w, line)
			d := diagnose(t, w, w.Command(t, "doctor", "--output", "json"))
			if len(d.Findings) != 1 || d.Findings[0].Check != "key-readable" {
				t.Fatalf("%+v", d.Findings)
			}
			_, run, ok := strings.Cut(d.Findings[0].Mend, "run: sts-helper ")
			switch {
			case ok == byHand || byHand && !strings.Contains(d.Findings[0].Mend, "--credentials-file"):
				t.Fatal(d.Findings[0].Mend)
			case byHand:
				harness.Must(t, os.Rename(filepath.Join(w.Dir, ".aws/credentials"), filepath.Join(w.Dir, ".config/sts-helper/credentials")))
				config(t, w, line+" --credentials-file ~/.config/sts-helper/credentials")
			default:
				if r := w.Run(t, append(strings.Fields(run), "--yes")...); r.Code != 0 {
					t.Fatalf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
				}
			}
			for _, f := range diagnose(t, w, w.Command(t, "doctor", "--output", "json")).Findings {
				if f.Check != "path" {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

// The clock is compared with an STS whose certificates a bundle alone vouches for, by a variable or by the profile.
func TestDoctorTrustsTheBundle(t *testing.T) {
	t.Parallel()
	date := time.Now().Add(-time.Hour)
	sts := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusBadRequest)
	}))
	sts.Config.ErrorLog = nil
	t.Cleanup(sts.Close)
	for name, want := range map[string]string{"": "endpoint", "variable": "clock", "profile": "clock"} {
		t.Run(name, func(t *testing.T) {
			w := harness.NewWorld(t)
			harness.Must(t, w.Write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sts.Certificate().Raw}))))
			bundle := filepath.Join(w.Dir, "ca.pem")
			w.Env["AWS_ENDPOINT_URL_STS"] = sts.URL
			text := "[profile app]\ncredential_process = " + w.Bin + " --source-profile base"
			switch name {
			case "variable":
				w.Env["AWS_CA_BUNDLE"] = bundle
			case "profile":
				text += "\n[profile base]\nca_bundle = " + bundle
			}
			config(t, w, text)
			if d := diagnose(t, w, w.Command(t, "doctor", "--output", "json")); !slices.Contains(d.checks(), want) {
				t.Errorf("%+v", d.Findings)
			}
		})
	}
}

// A file system without locks, and one of another machine, as strace plays them.
func TestDoctorOfFileSystems(t *testing.T) {
	t.Parallel()
	harness.OnlyLinux(t, "the kind of a file system is known")
	strace := harness.Need(t, "strace")
	for want, inject := range map[string][]string{
		"locks":       {"-e", "trace=flock,fcntl", "-e", "inject=flock:error=ENOLCK"},
		"file-system": {"-e", "trace=statfs", "-e", "inject=statfs:poke_exit=@arg2=6969000000000000"},
	} {
		w, _ := healthyHome(t)
		w.Run(t, "login", "app")
		doctor := w.Command(t, "doctor", "--output", "json")
		cmd := exec.CommandContext(harness.Context(t), strace, slices.Concat([]string{"-f", "-qq", "-o", "/dev/null"}, inject, doctor.Args)...)
		cmd.Env, cmd.Dir = doctor.Env, doctor.Dir
		if d := diagnose(t, w, cmd); !slices.Contains(d.checks(), want) {
			t.Errorf("%s: %+v", want, d.Findings)
		}
	}
}

// For a profile that is named doctor says what each SDK does with it, and which line decides.
func TestDoctorSaysWhatSDKsDo(t *testing.T) {
	t.Parallel()
	w, line := healthyHome(t)
	config(t, w, line+"\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARY")
	r := w.Run(t, "doctor", "app")
	file := filepath.Join(w.Dir, ".aws", "config")
	for _, want := range []string{"With AWS_PROFILE=app:", "  AWS CLI     runs the helper (" + file + ":2)", "  Go          takes the profile's keys (" + file + ":3)"} {
		if !strings.Contains(r.Stdout, want+"\n") {
			t.Errorf("%q is not in %q", want, r.Stdout)
		}
	}
	d := diagnose(t, w, w.Command(t, "doctor", "app", "--output", "json"))
	if len(d.SDKs) != 1 || d.SDKs[0].Profile != "app" || len(d.SDKs[0].Choices) != 6 {
		t.Fatalf("%+v", d.SDKs)
	}
	for _, c := range d.SDKs[0].Choices {
		if keys := c.SDK == "Go" || c.SDK == "JavaScript"; c.Runs == keys || (c.Takes == "keys") != keys {
			t.Errorf("%+v", c)
		}
	}
	w.Env["AWS_ACCESS_KEY_ID"], w.Env["AWS_SECRET_ACCESS_KEY"] = "AKIAIOSFODNN7EXAMPLE", "CANARY"
	if r := w.Run(t, "doctor", "app"); !strings.Contains(r.Stdout, "  botocore    takes the keys in variables (AWS_ACCESS_KEY_ID)\n") {
		t.Errorf("%q", r.Stdout)
	}
}

// A login mentions, once, a key that every program reads, where a user sees it.
func TestLoginMentionsAReadableKey(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	config(t, w, "[profile app]\ncredential_process = "+w.Bin+" --source-profile base\n[profile other]\ncredential_process = "+w.Bin+" --source-profile base --duration 1h")
	tt := harness.NewTerminal(t)
	cmd := w.Command(t, "login", "app", "other")
	cmd.Stderr = tt.Line
	harness.Start(t, tt, cmd).Result(t)
	if s := tt.Rest(); strings.Count(s, "advice: base: ") != 1 || !strings.Contains(s, "--credentials-file") {
		t.Errorf("%q", s)
	}
	if r := w.Run(t, "login", "app"); r.Code != 0 || r.Stderr != "" {
		t.Errorf("through a pipe: exit %d, %q", r.Code, r.Stderr)
	}
	hidden, _ := healthyHome(t)
	tt = harness.NewTerminal(t)
	cmd = hidden.Command(t, "login", "app")
	cmd.Stderr = tt.Line
	harness.Start(t, tt, cmd).Result(t)
	if s := tt.Rest(); s != "" {
		t.Errorf("%q", s)
	}
}

// login and status do not call a profile good that SDKs pass over.
func TestLoginAndStatusSayWhatIsPassedOver(t *testing.T) {
	t.Parallel()
	w, line := healthyHome(t)
	if r := w.Run(t, "login", "app"); r.Code != 0 || r.Stderr != "" {
		t.Errorf("healthy: exit %d, %q", r.Code, r.Stderr)
	}
	if r := w.Run(t, "status"); strings.Contains(r.Stdout, "warning") {
		t.Errorf("healthy: %q", r.Stdout)
	}
	config(t, w, line+"\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARY")
	const want = "aws_access_key_id is beside credential_process"
	if r := w.Run(t, "login", "app"); r.Code != 0 || !strings.Contains(r.Stderr, "sts-helper: warning: app: ") || !strings.Contains(r.Stderr, want) {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	for _, args := range [][]string{{"status"}, {"status", "app"}, {"status", "--output", "json"}} {
		if r := w.Run(t, args...); r.Code != 0 || !strings.Contains(r.Stdout, want) {
			t.Errorf("%q: exit %d, %q", args, r.Code, r.Stdout)
		}
	}
	w.Env["AWS_ACCESS_KEY_ID"] = "AKIAIOSFODNN7EXAMPLE"
	if r := w.Run(t, "status"); !strings.Contains(r.Stdout, "warning: AWS_ACCESS_KEY_ID: it is set") {
		t.Errorf("%q", r.Stdout)
	}
}

// An agent that would get the user's whole session is said, until a table says what it gets.
func TestDoctorFindsAgents(t *testing.T) {
	t.Parallel()
	w, _ := healthyHome(t)
	look := func(vars ...string) []string {
		t.Helper()
		cmd := w.Command(t, "doctor", "--output", "json")
		cmd.Env = append(cmd.Env, vars...)
		d := diagnose(t, w, cmd)
		if slices.Contains(d.checks(), "agent") && (len(d.Findings) != 1 || d.Findings[0].Where != vars[0][:strings.Index(vars[0], "=")] || d.Findings[0].Level != "advice") {
			t.Errorf("%q: %+v", vars, d.Findings)
		}
		return d.checks()
	}
	for _, vars := range []string{"CLAUDECODE=1", "CURSOR_AGENT=1", "CI=true"} {
		if got := look(vars); !slices.Equal(got, []string{"agent"}) {
			t.Errorf("%s: %q", vars, got)
		}
	}
	if got := look("CLAUDECODE="); len(got) != 0 {
		t.Errorf("an empty variable: %q", got)
	}
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[agent]\nread_only = true\n"))
	if got := look("CLAUDECODE=1"); slices.Contains(got, "agent") {
		t.Errorf("with a table: %q", got)
	}
	// One that gets nothing is told why.
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[agent]\nrefuse = true\n"))
	cmd := w.Command(t, "doctor", "--output", "json")
	cmd.Env = append(cmd.Env, "CLAUDECODE=1")
	if d := diagnose(t, w, cmd); !slices.Equal(d.checks(), []string{"agent"}) || d.Healthy || !strings.Contains(d.Findings[0].Mend, "shell of your own") || !strings.HasSuffix(d.Findings[0].Where, "config.toml:2)") {
		t.Errorf("refused: %+v", d)
	}
}
