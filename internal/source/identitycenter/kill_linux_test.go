package identitycenter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/source/loginfile"
)

// refreshCalls are the system calls of a refresh, on files and on the connection.
var refreshCalls = []string{"openat", "read", "write", "fsync", "close", "renameat", "renameat2", "unlinkat", "newfstatat",
	"fstat", "readlinkat", "getdents64", "connect"}

// A process that dies at any system call of a refresh leaves a whole file. The login is lost
// only where AWS had answered and the new file was not complete yet.
func TestKillAtEverySystemCall(t *testing.T) {
	t.Parallel()
	atEverySystemCall(t, "signal=KILL")
}

// So it is with a disk that is full, and the error says so.
func TestFullDiskAtEverySystemCall(t *testing.T) {
	t.Parallel()
	atEverySystemCall(t, "error=ENOSPC")
}

// spends waits until the answer is counted by which a refresh token was spent: the emulator may still be giving it to
// a program that has ended.
func (f *fixture) spends() bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if f.e.Succeeded("CreateToken") > 0 {
			return true
		}
	}
	return false
}

func atEverySystemCall(t *testing.T, effect string) {
	if testing.Short() {
		t.Skip("starts some 200 programs")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("strace is not installed")
		}
		t.Skip("strace is not installed")
	}
	runs, saved, lost := 0, 0, 0
	for _, call := range refreshCalls {
		for n := 1; !t.Failed(); n++ {
			f := start(t)
			f.signIn()
			old := f.text()
			log := filepath.Join(t.TempDir(), "strace.log")
			cmd := exec.Command(strace, "-f", "-qq", "-o", log, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", call, effect, n), os.Args[0])
			cmd.Env = append(os.Environ(), childPath+"="+f.path, childURL+"="+f.s.OIDC)
			out, _ := cmd.CombinedOutput()
			where := fmt.Sprintf("%s at %s %d", effect, call, n)
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			trace, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			if !(status.Signaled() || strings.Contains(string(trace), "INJECTED")) {
				break // no such call any more
			}
			runs++
			if strings.Contains(string(out), "CANARY") || strings.Contains(string(out), "goroutine ") && !strings.Contains(string(out), "runtime: ") {
				t.Errorf("%s: %s", where, out)
			}
			spent := f.e.Succeeded("CreateToken") > 0
			text := f.text()
			if !json.Valid([]byte(text)) {
				t.Fatalf("%s: the file is torn: %s", where, text)
			}
			kept := text != old || f.pending()
			l, err := f.refresh()
			switch {
			case err == nil:
				f.works(l)
				if spent && text == old {
					saved++
				}
			case !kept && errors.Is(err, loginfile.ErrEnded) && f.spends():
				lost++ // with the memory that the answer was in
			default:
				t.Errorf("%s: spent %t, kept %t: %v; %s", where, spent, kept, err, out)
			}
			if entries, _ := os.ReadDir(f.dir); err == nil && len(entries) != 1 {
				t.Errorf("%s: left behind: %v", where, entries)
			}
			f.e.Close()
		}
	}
	t.Logf("%d runs; %d logins were finished by the next call, %d were lost before they were written", runs, saved, lost)
	if saved == 0 && effect == "signal=KILL" {
		t.Error("nothing was left to finish: were the right calls hit?")
	}
}

// pending reports whether a whole text waits to become the file.
func (f *fixture) pending() bool {
	names, _ := filepath.Glob(filepath.Join(f.dir, ".sts-helper-*.new"))
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil && json.Valid(b) {
			return true
		}
	}
	return false
}
