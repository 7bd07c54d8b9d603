package serve_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// The first client starts the server, and its connection, made before there was one, is
// answered.
func TestServeSocketActivation(t *testing.T) {
	t.Parallel()
	activate := harness.Need(t, "systemd-socket-activate")
	w := harness.NewWorld(t)
	address := harness.FreePort(t)
	s := w.PrepareServer(t, "--source-profile", "base", "--listen")
	s.Cmd.Args = s.Cmd.Args[:len(s.Cmd.Args)-1] // no --listen: what is passed is all
	args := []string{activate, "-l", address}
	for _, v := range s.Cmd.Env {
		args = append(args, "-E", v)
	}
	s.Cmd.Path, s.Cmd.Args = activate, append(args, append([]string{w.Bin}, s.Cmd.Args[1:]...)...)
	s.Begin(t)
	harness.Await(t, "the listener", func() bool { return strings.Contains(s.Log.String(), "Listening on") })
	if _, err := os.Stat(s.EnvFile); err == nil {
		t.Fatal("it was started without a client")
	}
	if a := s.Do(t, "GET", "http://"+address+"/healthz"); a.Status != 200 {
		t.Errorf("the first client gets %d %q", a.Status, a.Body)
	}
	s.AwaitReady(t)
	if s.Base != "http://"+address {
		t.Errorf("the env-file says %s", s.Base)
	}
	s.Creds(t, "default")
	if code := s.Stop(t); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// A socket that is not of TCP is refused, and so is one that is not on loopback.
func TestServeRefusesPassedSockets(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	unix, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	harness.Must(t, err)
	defer func() { _ = unix.Close() }()
	open, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4zero})
	harness.Must(t, err)
	defer func() { _ = open.Close() }()
	for says, ln := range map[string]interface{ File() (*os.File, error) }{"not a TCP socket": unix, "not a loopback address": open} {
		f, err := ln.File()
		harness.Must(t, err)
		cmd := w.Command(t)
		cmd.Path = harness.Need(t, "sh")
		cmd.Args = []string{"sh", "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"`, w.Bin, "serve", "--source-profile", "base"}
		cmd.ExtraFiles = []*os.File{f}
		r := w.Finish(t, cmd)
		_ = f.Close()
		if r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, says) {
			t.Errorf("exit %d, %q does not say %q", r.Code, r.Stderr, says)
		}
	}
}

// What systemd is told: ready once, and only when clients can find the server; reloading
// and ready again; alive; how the profiles fare; stopping.
func TestServeNotifies(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	mfaProfile(t, w, "[profile.open]\nsource_profile = \"base\"\n")
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	harness.Must(t, err)
	defer func() { _ = socket.Close() }()
	var said harness.Output
	release := w.STS.Gate("GetSessionToken")
	s := w.PrepareServer(t, "--profile", "open", "--profile", "dev")
	s.Cmd.Env = append(s.Cmd.Env, "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=900000")
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := socket.Read(b)
			if err != nil {
				return
			}
			_, _ = said.Write(append(b[:n:n], '\n'))
			if string(b[:n]) == "READY=1" {
				if _, err := os.Stat(s.EnvFile); err != nil {
					t.Errorf("ready before the env-file: %v", err)
				}
			}
		}
	}()
	s.Begin(t)
	harness.Must(t, w.STS.WaitInFlight(harness.Context(t), "GetSessionToken", 1))
	time.Sleep(100 * time.Millisecond)
	if said.String() != "" {
		t.Errorf("before the first credentials were there it said %q", said.String())
	}
	release()
	s.AwaitReady(t)
	has := func(what string) {
		t.Helper()
		harness.Await(t, what, func() bool { return strings.Contains(said.String(), what) })
	}
	has("READY=1\n")
	has("STATUS=open: until 2")
	has("; dev: login required\n")
	has("WATCHDOG=1\nWATCHDOG=1\n")
	harness.Must(t, s.Cmd.Process.Signal(syscall.SIGHUP))
	has("RELOADING=1\nMONOTONIC_USEC=")
	harness.Await(t, "ready again", func() bool { return strings.Count(said.String(), "READY=1\n") == 2 })
	s.Stop(t)
	has("STOPPING=1\n")
}

// The units say what systemd understands. TestServeUnderAUsersSystemd starts them.
func TestServeUnits(t *testing.T) {
	t.Parallel()
	analyze := harness.Need(t, "systemd-analyze")
	dir := t.TempDir()
	for _, name := range []string{"sts-helper.service", "sts-helper.socket"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "..", "packaging", "systemd", name))
		harness.Must(t, err)
		text := strings.ReplaceAll(string(b), "/usr/local/bin/sts-helper", harness.Binary(t))
		harness.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	run := func(args ...string) (string, error) {
		cmd := exec.Command(analyze, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir, "SYSTEMD_COLORS=0")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("verify", "--user", "./sts-helper.service", "./sts-helper.socket"); err != nil || out != "" {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestServePropertyList(t *testing.T) {
	t.Parallel()
	f, err := os.Open(filepath.Join("..", "..", "..", "packaging", "launchd", "com.github.sts-helper.serve.plist"))
	harness.Must(t, err)
	defer func() { _ = f.Close() }()
	d := xml.NewDecoder(f)
	var text []string
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		harness.Must(t, err)
		if c, ok := tok.(xml.CharData); ok && strings.TrimSpace(string(c)) != "" {
			text = append(text, string(c))
		}
	}
	args := strings.Join(text, " ")
	_, args, _ = strings.Cut(args, "/usr/local/bin/sts-helper ")
	args, _, _ = strings.Cut(args, " RunAtLoad")
	// The command line in it is one that works.
	w := harness.NewWorld(t)
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.default]\nsource_profile = \"base\"\n"))
	fields := strings.Fields(args)
	fields[len(fields)-1] = "127.0.0.1:0" // the port may be in use here
	s := w.Serve(t, fields[1:]...)
	s.Creds(t, "default")
}

// Neither manager starts a server again for ever whose settings are wrong.
func TestServeIsNotRestartedInVain(t *testing.T) {
	t.Parallel()
	unit, err := os.ReadFile(filepath.Join("..", "..", "..", "packaging", "systemd", "sts-helper.service"))
	harness.Must(t, err)
	if !strings.Contains(string(unit), "\nRestartPreventExitStatus=2 3\n") {
		t.Error("systemd starts it again after exit codes 2 and 3")
	}
	// What launchd runs, with a program of the test's in the helper's place.
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "packaging", "launchd", "com.github.sts-helper.serve.plist"))
	harness.Must(t, err)
	var plist struct {
		Array struct {
			Strings []string `xml:"string"`
		} `xml:"dict>array"`
	}
	harness.Must(t, xml.Unmarshal(b, &plist))
	run := func(stub string) *exec.Cmd {
		program := filepath.Join(t.TempDir(), "stub")
		harness.Must(t, os.WriteFile(program, []byte("#!/bin/sh\n"+stub), 0o700))
		args := slices.Clone(plist.Array.Strings)
		if i := slices.Index(args, "/usr/local/bin/sts-helper"); i >= 0 {
			args[i] = program
		}
		cmd := exec.CommandContext(harness.Context(t), args[0], args[1:]...)
		cmd.WaitDelay = time.Second
		return cmd
	}
	for code, want := range map[int]int{0: 0, 1: 1, 2: 0, 3: 0, 6: 6} {
		cmd := run(fmt.Sprintf("[ $1 = serve ] && exit %d", code))
		if _ = cmd.Run(); cmd.ProcessState.ExitCode() != want {
			t.Errorf("launchd gets %d for %d, want %d", cmd.ProcessState.ExitCode(), code, want)
		}
	}
	var said harness.Output
	cmd := run("trap 'echo reload' HUP; trap 'echo end; exit 0' TERM; echo ready; while :; do sleep 0.05; done\n")
	cmd.Stdout = &said
	harness.Must(t, harness.Begin(cmd))
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for _, step := range []struct {
		await  string
		signal syscall.Signal
	}{{"ready", syscall.SIGHUP}, {"reload", syscall.SIGTERM}} {
		harness.Await(t, step.await, func() bool {
			if step.await == "reload" {
				_ = cmd.Process.Signal(syscall.SIGHUP) // again: the first may have come before the shell knew its child
			}
			return strings.Contains(said.String(), step.await)
		})
		harness.Must(t, cmd.Process.Signal(step.signal))
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(said.String(), "end") {
		t.Errorf("%v, %q", err, said.String())
	}
}

func TestServeMetrics(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	mfaProfile(t, w, "[profile.open]\nsource_profile = \"base\"\n")
	at := harness.FreePort(t)
	s := w.Serve(t, "--profile", "open", "--profile", "dev", "--imds", "open", "--metrics-listen", at, "--log-format", "json")
	for range 3 {
		s.Creds(t, "open")
	}
	s.Container(t, "dev")
	s.Metadata(t, s.Session(t), harness.RolePath)
	s.Do(t, "GET", s.Base+"/credentials/open", "Authorization", "made-up")
	s.Do(t, "GET", s.Base+"/credentials/open", "Origin", "http://evil.example")
	a := s.Do(t, "GET", "http://"+at+"/metrics")
	for _, line := range []string{
		"# TYPE sts_helper_requests_total counter",
		`sts_helper_requests_total{route="container",profile="open",status="200",guard=""} 3`,
		`sts_helper_requests_total{route="container",profile="dev",status="400",guard=""} 1`,
		`sts_helper_requests_total{route="container",profile="",status="403",guard=""} 1`,
		`sts_helper_requests_total{route="other",profile="",status="403",guard="browser"} 1`,
		`sts_helper_requests_total{route="token",profile="open",status="200",guard=""} 1`,
		`sts_helper_request_duration_seconds_bucket{route="container",le="+Inf"} 5`,
		`sts_helper_request_duration_seconds_count{route="container"} 5`,
		`sts_helper_fetches_total{profile="open",result="ok"} `,
		`sts_helper_fetches_total{profile="dev",result="login_required"} `,
		`sts_helper_ready{profile="open"} 1`,
		`sts_helper_ready{profile="dev"} 0`,
		`sts_helper_login_required{profile="dev"} 1`,
		`sts_helper_credentials_expiry_timestamp_seconds{profile="open"} 1`,
	} {
		if !strings.Contains("\n"+a.Body, "\n"+line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	if strings.Contains(a.Body, "CANARY") || strings.Contains(a.Body, "ASIA") || strings.Contains(a.Body, s.Bearer(t)) {
		t.Error("a secret in the metrics")
	}
	if t.Failed() {
		t.Log(a.Body)
	}
	for _, h := range [][]string{{"Origin", "http://evil.example"}, {"Sec-Fetch-Site", "none"}} {
		if a := s.Do(t, "GET", "http://"+at+"/metrics", h...); a.Status != 403 {
			t.Errorf("%s: %d", h[0], a.Status)
		}
	}
	if status, _ := raw(t, at, "GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"); status != 403 {
		t.Errorf("a foreign Host: %d", status)
	}
	if a := s.Do(t, "GET", s.Base+"/metrics"); a.Status == 200 {
		t.Error("the metrics are on the endpoint's listener too")
	}
	for line := range strings.Lines(s.Log.String()) {
		if !strings.HasPrefix(line, `{"time":`) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

// Every flag of serve can be a variable.
func TestServeByVariables(t *testing.T) {
	harness.OnlyLinux(t, "instance metadata without another word")
	t.Parallel()
	w := harness.NewWorld(t)
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\n[profile.ci]\nsource_profile = \"base\"\nduration = \"1h\"\n"))
	s := w.PrepareServer(t)
	env := s.EnvFile
	s.Cmd = w.Home.Command(context.Background(), "serve")
	tokenFile := filepath.Join(w.Dir, "secrets", "token")
	for name, value := range map[string]string{
		"PROFILE": "dev,ci", "IMDS": "ci", "LISTEN": "127.0.0.1:0\n[::1]:0", "ENV_FILE": env, "TOKEN_FILE": tokenFile,
		"IMDS_REGION": "eu-north-1", "IMDS_ROLE_NAME": "Role", "ALLOW_HOST": "creds.internal",
	} {
		s.Cmd.Env = append(s.Cmd.Env, "STS_HELPER_SERVE_"+name+"="+value)
	}
	s.Begin(t)
	s.AwaitReady(t)
	if strings.Count(s.Log.String(), "msg=listening") != 2 {
		t.Error("not two listeners")
	}
	if b, err := os.ReadFile(tokenFile); err != nil || len(b) != 43 {
		t.Errorf("the token file: %d bytes, %v", len(b), err)
	}
	if s.Creds(t, "dev") == s.Creds(t, "ci") {
		t.Error("two profiles, one token")
	}
	session := s.Session(t)
	for path, want := range map[string]string{
		harness.RolePath: "Role", "meta-data/placement/region": "eu-north-1", "meta-data/placement/availability-zone/": "eu-north-1a",
	} {
		if a := s.Metadata(t, session, path); a.Status != 200 || a.Body != want {
			t.Errorf("%s: %d %q, want %q", path, a.Status, a.Body, want)
		}
	}
	if a := s.Metadata(t, session, harness.RolePath+"Role"); !strings.Contains(a.Body, s.Creds(t, "ci")) {
		t.Errorf("the role is not ci's: %d", a.Status)
	}
	if status, _ := raw(t, strings.TrimPrefix(s.Base, "http://"), "GET /healthz HTTP/1.1\r\nHost: creds.internal\r\nConnection: close\r\n\r\n"); status != 200 {
		t.Errorf("the allowed host: %d", status)
	}
}
