package process_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// traced runs a line under strace and gives the calls by which a process writes, locks or
// speaks to others, without those that only read.
func traced(t *testing.T, w *harness.World, args ...string) (calls []string) {
	t.Helper()
	strace := harness.Need(t, "strace")
	log := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, append([]string{"-f", "-o", log, "-e", "trace=flock,fcntl,socket,connect,sendto,openat,openat2,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,fsync,chmod,fchmod,link,linkat,symlinkat,truncate,ftruncate,utimensat", w.Bin}, args...)...)
	cmd.Env = w.Environ()
	if r := w.Finish(t, cmd); r.Code != 0 || r.Stdout == "" {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	trace, err := os.ReadFile(log)
	harness.Must(t, err)
	reads := 0
	for line := range strings.Lines(string(trace)) {
		_, call, _ := strings.Cut(line, " ")
		call = strings.TrimSpace(call)
		name, _, _ := strings.Cut(call, "(")
		writes := strings.Contains(call, "O_WRONLY") || strings.Contains(call, "O_RDWR") || strings.Contains(call, "O_CREAT")
		switch {
		case strings.HasPrefix(call, "+++") || strings.HasPrefix(call, "---") || strings.HasPrefix(call, "<..."):
		case name == "???": // of a thread that ended with the process before it made the call
		case strings.HasPrefix(name, "openat") && !writes:
			reads++
		case name == "fcntl" && !strings.Contains(call, "F_SETLK") && !strings.Contains(call, "F_OFD_SETLK"):
		default:
			calls = append(calls, call)
		}
	}
	if reads == 0 {
		t.Error("the trace is empty: strace saw nothing")
	}
	return calls
}

// A hit makes no lock, no socket, and opens nothing for writing, nor does the line of a prompt; the ordinary way writes at
// most its note.
func TestHitTouchesNothing(t *testing.T) {
	harness.OnlyLinux(t, "there are notes")
	w := harness.NewWorld(t)
	args := []string{"--source-profile", "base"}
	w.Creds(t, w.Run(t, args...))
	if calls := traced(t, w, args...); len(calls) > 0 {
		t.Errorf("directly: %q", calls)
	}
	w.Env["STS_HELPER_NO_DIRECT"] = "1"
	if calls := traced(t, w, args...); len(calls) > 0 {
		t.Errorf("the ordinary way, noting nothing: %q", calls)
	}
	delete(w.Env, "STS_HELPER_NO_DIRECT")
	short := append([]string{"status", "--short"}, args...)
	traced(t, w, short...) // looks whether the lock is held, and leaves a note
	if calls := traced(t, w, short...); len(calls) > 0 {
		t.Errorf("the line of a prompt, directly: %q", calls)
	}
	for _, note := range notes(t, w) {
		harness.Must(t, os.Remove(note))
	}
	calls := traced(t, w, args...)
	if len(calls) != 2 || !strings.HasPrefix(calls[0], "openat(") || !strings.Contains(calls[0], "/.tmp-") && !strings.Contains(calls[0], `".tmp-`) ||
		!strings.HasPrefix(calls[1], "renameat(") || !strings.Contains(calls[1], `.direct"`) {
		t.Errorf("the ordinary way: %q", calls)
	}
	if len(notes(t, w)) != 1 {
		t.Error("there is no note")
	}
}

// Whatever STS answers and whatever lies in the cache, the helper stays small.
func TestMemoryIsBounded(t *testing.T) {
	harness.Long(t, "large files")
	const most = 64 << 20
	launcher, err := harness.Build(t.TempDir(), "integration/cmd/maxrss")
	harness.Must(t, err)
	// measured runs the helper and fails the test where it took too much memory.
	measured := func(t *testing.T, w *harness.World) harness.Result {
		t.Helper()
		report := filepath.Join(t.TempDir(), "bytes")
		cmd := w.Command(t, "--source-profile", "base")
		cmd.Path, cmd.Args = launcher, append([]string{launcher, report}, cmd.Args...)
		r := w.Finish(t, cmd)
		text, err := os.ReadFile(report)
		harness.Must(t, err)
		bytes, err := strconv.ParseInt(string(text), 10, 64)
		harness.Must(t, err)
		if bytes > most {
			t.Errorf("%d MB of memory, %d at most", bytes>>20, most>>20)
		}
		t.Logf("%d MB", bytes>>20)
		return r
	}
	for _, kind := range []string{"huge", "huge-error", "huge-header"} {
		t.Run(kind, func(t *testing.T) {
			w := harness.NewWorld(t)
			w.STS.Fault(fault(kind))
			if r := measured(t, w); r.Code != harness.ExitUnreachable {
				t.Errorf("exit %d, %q", r.Code, r.Stderr)
			}
		})
	}
	t.Run("a record of 1 GB", func(t *testing.T) {
		w := harness.NewWorld(t)
		first := w.Creds(t, w.Run(t, "--source-profile", "base"))
		records, _ := filepath.Glob(filepath.Join(w.Cache(), "v1", "*.cred"))
		if len(records) != 1 {
			t.Fatal(records)
		}
		harness.Must(t, os.Truncate(records[0], 1<<30))
		if second := w.Creds(t, measured(t, w)); second == first {
			t.Error("a damaged record was believed")
		}
	})
}
