package daily_test

import (
	"fmt"
	"io/fs"
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

// execWorld is a world with an entry "dev", whose token is in the cache.
func execWorld(t *testing.T) (*harness.World, harness.Document) {
	t.Helper()
	w := harness.NewWorld(t)
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\nregion = \"eu-central-1\"\n[profile.ops]\nsource_profile = \"base\"\nduration = \"1h\"\n"))
	return w, w.Creds(t, w.Run(t, "--profile", "dev"))
}

// below is cmd's program and arguments run by a shell that first runs some lines.
func below(t *testing.T, w *harness.World, lines string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := w.Command(t, args...)
	cmd.Path, cmd.Args = harness.Need(t, "sh"), append([]string{"sh", "-c", lines + "\n" + `exec "$@"`, "sh", w.Bin}, args...)
	return cmd
}

// The command finds the credentials, whatever else the environment named, and all the rest of it as it
// was.
func TestExecEnvironment(t *testing.T) {
	t.Parallel()
	w, d := execWorld(t)
	cmd := w.Command(t, "exec", "dev", "--", "env")
	cmd.Env = append(cmd.Env, "MINE=a=b\nc", "AWS_CONFIG_FILE="+w.Dir+"/.aws/config",
		"AWS_PROFILE=other", "AWS_DEFAULT_PROFILE=other", "AWS_ACCESS_KEY_ID=AKIAOTHER", "AWS_SECRET_ACCESS_KEY=CANARYother", "AWS_SESSION_TOKEN=CANARYother",
		"AWS_SECURITY_TOKEN=CANARYother", "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:1/", "AWS_CONTAINER_AUTHORIZATION_TOKEN=CANARYother",
		"AWS_WEB_IDENTITY_TOKEN_FILE=/other", "AWS_ROLE_ARN=other", "AWS_ROLE_SESSION_NAME=other", "AWS_ACCOUNT_ID=000000000000",
		"AWS_BEARER_TOKEN_BEDROCK=CANARYother", "AWS_REGION=us-west-2")
	r := harness.Finish(cmd)
	got := strings.Split(strings.TrimSuffix(r.Stdout, "\n"), "\n")
	want := append(slices.DeleteFunc(w.Environ(), func(kv string) bool { return false }), "MINE=a=b", "c", "AWS_CONFIG_FILE="+w.Dir+"/.aws/config",
		"AWS_ACCESS_KEY_ID="+d.AccessKeyId, "AWS_SECRET_ACCESS_KEY="+d.SecretAccessKey, "AWS_SESSION_TOKEN="+d.SessionToken, "AWS_CREDENTIAL_EXPIRATION="+d.Expiration,
		"AWS_ACCOUNT_ID="+harness.Account, "AWS_REGION=eu-central-1", "AWS_DEFAULT_REGION=eu-central-1", "STS_HELPER_EXEC=dev")
	slices.Sort(got)
	slices.Sort(want)
	if r.Code != 0 || r.Stderr != "" || !slices.Equal(got, want) {
		t.Errorf("exit %d, %q\n got %q\nwant %q", r.Code, r.Stderr, got, want)
	}
	if n := w.STS.Count(""); n != 1 {
		t.Errorf("%d calls of STS", n)
	}
	// An SDK signs with them.
	r = w.Run(t, "exec", "dev", "--", harness.Program(t, "whoami"))
	if r.Code != 0 || strings.TrimSpace(r.Stdout) != w.User.ARN {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
}

// Nothing but the environment of the command has the secrets: no argument, no output, no file.
func TestExecLeavesSecretsNowhere(t *testing.T) {
	t.Parallel()
	w, d := execWorld(t)
	const look = `tr '\0' '\n' < /proc/$$/cmdline; ls -l /proc/$$/fd | sed 1d | wc -l; ls /proc/$$/fd; cat`
	cmd := w.Command(t, "exec", "dev", "--", "sh", "-c", look)
	r := w.Finish(t, cmd) // which looks for secrets
	if r.Code != 0 || r.Stderr != "" || !strings.Contains(r.Stdout, "sh\n-c\n") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	harness.Must(t, filepath.WalkDir(w.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || strings.HasPrefix(path, w.Cache()) {
			return err
		}
		if b, err := os.ReadFile(path); err == nil && (strings.Contains(string(b), d.SecretAccessKey) || strings.Contains(string(b), d.SessionToken)) {
			t.Errorf("%s has a secret", path)
		}
		return nil
	}))
}

// The process that was started is the command: its process id, its parent, its end.
func TestExecBecomesTheCommand(t *testing.T) {
	t.Parallel()
	w, _ := execWorld(t)
	cmd := w.Command(t, "exec", "dev", "--", "sh", "-c", "echo $$ $PPID; exit 41")
	r := w.Finish(t, cmd)
	if want := fmt.Sprintln(cmd.ProcessState.Pid(), os.Getpid()); r.Stdout != want || r.Code != 41 || r.Stderr != "" {
		t.Errorf("exit %d, %q, want %q; %q", r.Code, r.Stdout, want, r.Stderr)
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGUSR1, syscall.SIGPIPE} {
		cmd := w.Command(t, "exec", "dev", "--", "sh", "-c", fmt.Sprintf("kill -%d $$; sleep 60", s))
		w.Finish(t, cmd)
		if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != s {
			t.Errorf("%s: %v", s, cmd.ProcessState)
		}
	}
}

func TestExecExitCodes(t *testing.T) {
	t.Parallel()
	w, _ := execWorld(t)
	harness.Must(t, w.Write("data", "#!/bin/sh\n"))
	harness.Must(t, w.Write("bad", "#!/nonexistent\n"))
	harness.Must(t, w.Write("script", "echo it runs \"$1\"\n"))
	for _, name := range []string{"bad", "script"} {
		harness.Must(t, os.Chmod(filepath.Join(w.Dir, name), 0o700))
	}
	for _, c := range []struct {
		command string
		code    int
		stderr  string
	}{
		{"true", 0, ""},
		{"false", 1, ""},
		{"nosuch-command", 127, "sts-helper: nosuch-command: command not found\n"},
		{"./nosuch", 127, "sts-helper: ./nosuch: command not found\n"},
		{"./data", 126, "sts-helper: ./data cannot be run: permission denied\n"},
		{"/tmp", 126, "sts-helper: /tmp cannot be run: it is a directory\n"},
		{"./bad", 126, "sts-helper: ./bad cannot be run: its interpreter is not there\n"},
		{"./script", 0, ""},
		{"", 127, "sts-helper: : command not found\n"},
	} {
		r := w.Run(t, "exec", "dev", "--", c.command, "x")
		if r.Code != c.code || r.Stderr != c.stderr || c.command == "./script" && r.Stdout != "it runs x\n" {
			t.Errorf("%q: exit %d, %q, %q", c.command, r.Code, r.Stdout, r.Stderr)
		}
	}
	// What cannot be run costs neither a call nor a code.
	if r := w.Run(t, "exec", "ops", "--", "nosuch-command"); r.Code != 127 {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	if n := w.STS.Count(""); n != 1 {
		t.Errorf("%d calls of STS", n)
	}
	// Its own failures keep their codes.
	for code, args := range map[int][]string{
		harness.ExitUsage: {"exec", "dev"}, harness.ExitConfig: {"exec", "--source-profile", "base", "--cache-dir", "/dev/null", "--", "true"},
	} {
		if r := w.Run(t, args...); r.Code != code || strings.Count(r.Stderr, "\n") != 1 {
			t.Errorf("%q: exit %d, %q", args, r.Code, r.Stderr)
		}
	}
}

// What a process inherits is what sts-helper inherited: limits, mask, ignored signals, working folder,
// open files, nice value, umask.
func TestExecInheritsWhatWasFound(t *testing.T) {
	t.Parallel()
	w, _ := execWorld(t)
	const (
		found = "ulimit -Sc 17; ulimit -Hc 4711; ulimit -Sn 100; umask 027; trap '' HUP INT TSTP TTOU; exec 7<.aws/config; cd /tmp"
		look  = "ulimit -Sc; ulimit -Hc; ulimit -Sn; ulimit -Hn; umask; pwd; grep -E '^(SigBlk|SigIgn|SigCgt|NoNewPrivs|CoreDumping)' /proc/self/status; ls /proc/self/fd; cat <&7 | head -c 9"
	)
	plain := below(t, w, found)
	plain.Args = []string{"sh", "-c", found + "\nexec sh -c '" + strings.ReplaceAll(look, "'", `'\''`) + "'"}
	want := w.Finish(t, plain)
	got := w.Finish(t, below(t, w, found, "exec", "dev", "--", "sh", "-c", look))
	if got.Stdout != want.Stdout || got.Code != want.Code || !strings.Contains(want.Stdout, "17\n4711\n100\n") {
		t.Errorf("got %d, %s %s\nwant %d, %s %s", got.Code, got.Stdout, got.Stderr, want.Code, want.Stdout, want.Stderr)
	}
	// A mask, which a shell cannot set; and a pipe that is in non-blocking mode stays so.
	perl := harness.Need(t, "perl")
	const mask = `use POSIX; use Fcntl; sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM, SIGUSR1, SIGTSTP)); pipe(R, W); fcntl(R, F_SETFL, O_NONBLOCK); open(STDIN, "<&R"); exec @ARGV`
	status := []string{"grep", "-hE", "SigBlk|SigIgn|flags", "/proc/self/status", "/proc/self/fdinfo/0"}
	plain = w.Command(t)
	plain.Path, plain.Args = perl, append([]string{"perl", "-e", mask}, status...)
	want = w.Finish(t, plain)
	cmd := w.Command(t)
	cmd.Path, cmd.Args = perl, append([]string{"perl", "-e", mask, w.Bin, "exec", "dev", "--"}, status...)
	if got = w.Finish(t, cmd); got.Stdout != want.Stdout || !strings.Contains(want.Stdout, "0000084200\n") {
		t.Errorf("got %s %s\nwant %s %s", got.Stdout, got.Stderr, want.Stdout, want.Stderr)
	}
}

// At a terminal the shell's job control is the command's.
func TestExecJobControl(t *testing.T) {
	t.Parallel()
	w, _ := execWorld(t)
	tt := harness.NewTerminal(t)
	cmd := w.Command(t)
	cmd.Path, cmd.Args = harness.Need(t, "bash"), []string{"bash", "--norc", "--noprofile", "-i"}
	cmd.Env = append(cmd.Env, "PS1=ready> ", "TERM=dumb", "HISTFILE=/dev/null")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tt.Line, tt.Line, tt.Line
	j := harness.Start(t, tt, cmd)
	tt.Await("ready> ", 1)
	// No child is started: a shell that is stopped while it starts one by vfork is not seen to stop.
	tt.Type("sts-helper exec dev -- sh -c 'echo begun; exec cat'\n")
	tt.Await("begun\r\n", 1)
	for ; !strings.Contains(tt.Screen(), "Stopped") && t.Context().Err() == nil; time.Sleep(time.Second) {
		tt.Type("\x1a") // again, as a user would
	}
	tt.Type("jobs -l; ps -o comm= --ppid $$\n")
	tt.Await("ready> ", 3)
	if s := tt.Screen(); strings.Contains(s[strings.Index(s, "jobs -l"):], "sts-helper\r\n") {
		t.Errorf("sts-helper is still there: %s", s)
	}
	tt.Type("fg\n")
	tt.Await("sts-helper exec dev", 4)
	tt.Type("\x03")
	tt.Await("ready> ", 4)
	tt.Type("echo status $?\n")
	tt.Await("status 130", 1)
	tt.Type("sts-helper exec dev -- sh -c 'echo go; exec cat' | tr a-z A-Z\n")
	tt.Await("GO\r\n", 1)
	tt.Type("from the terminal\n")
	tt.Await("FROM THE TERMINAL", 1)
	tt.Type("\x04")
	tt.Await("ready> ", 6)
	tt.Type("exit 3\n")
	if r := j.Result(t); r.Code != 3 {
		t.Errorf("exit %d: %s", r.Code, tt.Screen())
	}
}

// Where a code is needed it is asked for first, and the terminal is the command's afterwards.
func TestExecAsksForACode(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	if r := m.Run(t, "exec", "dev", "--", "true"); r.Code != harness.ExitInteraction || !strings.Contains(r.Stderr, "sts-helper login dev") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	tt := harness.NewTerminal(t)
	before := tt.Modes()
	j := harness.Start(t, tt, m.Command(t, "exec", "dev", "--", "sh", "-c", "echo it runs; exec cat < /dev/tty"))
	tt.Await(harness.Prompt, 1)
	tt.Type(m.Code() + "\n")
	harness.Await(t, "the command", func() bool { return len(m.STS.Requests()) > 0 && tt.Modes() == before })
	tt.Type("typed\n\x04")
	if r := j.Result(t); r.Code != 0 || r.Stdout != "it runs\ntyped\n" {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
}

// Two gigabytes go through a pipe, since there is nothing in between.
func TestExecPassesTwoGigabytes(t *testing.T) {
	harness.Long(t, "2 GB through a pipe")
	t.Parallel()
	w, _ := execWorld(t)
	cmd := w.Command(t)
	cmd.Path, cmd.Args = harness.Need(t, "sh"), []string{"sh", "-c", "head -c 2147483648 /dev/zero | sts-helper exec dev -- cat | wc -c"}
	if r := w.Finish(t, cmd); r.Stdout != "2147483648\n" || r.Code != 0 {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
}

// Below exec the same name is no mistake, another one is, and the line that is given for it is right.
func TestExecNested(t *testing.T) {
	t.Parallel()
	w, _ := execWorld(t)
	nested := func(args ...string) harness.Result {
		return w.Run(t, append([]string{"exec", "dev", "--", "sts-helper", "exec"}, args...)...)
	}
	if r := nested("dev", "--", "sh", "-c", "echo $STS_HELPER_EXEC"); r.Code != 0 || r.Stdout != "dev\n" {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	for _, args := range [][]string{{"ops", "--", "sh", "-c", "echo $STS_HELPER_EXEC"}, {"--", "true"}, {"--source-profile", "base", "--", "true"}} {
		r := nested(args...)
		if r.Code != harness.ExitUsage || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 || !strings.Contains(r.Stderr, `inside "sts-helper exec dev" already`) {
			t.Errorf("%q: exit %d, %q, %q", args, r.Code, r.Stdout, r.Stderr)
		}
		if args[0] != "ops" {
			continue
		}
		_, line, _ := strings.Cut(strings.TrimSpace(r.Stderr), "run: ")
		if r := w.Run(t, "exec", "dev", "--", "sh", "-c", line); r.Code != 0 || r.Stdout != "ops\n" {
			t.Errorf("%s: exit %d, %q, %q", line, r.Code, r.Stdout, r.Stderr)
		}
	}
}
