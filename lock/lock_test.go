package lock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/lock"
)

// holdEnv makes the test binary hold the lock it names until it is killed.
const holdEnv = "LOCK_TEST_HOLD"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdEnv); path != "" {
		h, err := lock.Try(path, lock.Holder{Purpose: "a token for dev", Asking: true})
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		if _, err := lock.Try(path, lock.Holder{}); !errors.Is(err, lock.ErrBusy) {
			fmt.Println("error: held twice in one process:", err)
			os.Exit(1)
		}
		fmt.Println("held")
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		h.Release()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// hold starts a process that holds the lock at path and returns once it does. wrap is the
// command, strace say, that runs it.
func hold(t *testing.T, path string, wrap ...string) *exec.Cmd {
	t.Helper()
	args := append(wrap, os.Args[0])
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), holdEnv+"="+path)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "held\n" {
		t.Fatalf("holder said %q, %v", line, err)
	}
	return cmd
}

func TestTryExcludesOtherProcessesAndGoroutines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	mine, err := lock.Try(path, lock.Holder{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Try(path, lock.Holder{}); !errors.Is(err, lock.ErrBusy) {
		t.Fatalf("second try in one process: %v, want busy", err)
	}
	mine.Release()
	mine.Release() // twice is harmless

	other := hold(t, path)
	if _, err := lock.Try(path, lock.Holder{}); !errors.Is(err, lock.ErrBusy) {
		t.Fatalf("try while another process holds: %v, want busy", err)
	}
	who, ok := lock.ReadHolder(path)
	if !ok || who.PID != other.Process.Pid || !who.Asking || who.Purpose != "a token for dev" {
		t.Fatalf("holder reads %+v, %v", who, ok)
	}
}

func TestDeathOfHolderFreesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	other := hold(t, path)
	_ = other.Process.Signal(syscall.SIGKILL)
	_ = other.Wait()
	h, err := lock.Try(path, lock.Holder{})
	if err != nil {
		t.Fatalf("after the holder's death: %v", err)
	}
	h.Release()
}

func TestAcquireGivesUpAtItsDeadline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	hold(t, path)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		tries := 0
		_, err := lock.Acquire(ctx, path, lock.Holder{}, func() error { tries++; return nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("err = %v, want the deadline", err)
		}
		if tries < 25*1000/150 {
			t.Errorf("%d tries in 25 s: it sleeps too long", tries)
		}
	})
}

func TestBusyCallbackEndsTheWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	hold(t, path)
	enough := errors.New("another process was quicker")
	_, err := lock.Acquire(t.Context(), path, lock.Holder{}, func() error { return enough })
	if !errors.Is(err, enough) {
		t.Fatalf("err = %v, want the callback's", err)
	}
}

func TestRemovedFileIsNotTrusted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be removed there")
	}
	path := filepath.Join(t.TempDir(), "a.lock")
	other := hold(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	h, err := lock.Try(path, lock.Holder{})
	if err != nil {
		t.Fatalf("a new file of the name must be lockable: %v", err)
	}
	defer h.Release()
	if _, err := lock.Try(path, lock.Holder{}); !errors.Is(err, lock.ErrBusy) {
		t.Fatalf("the new file's lock does not exclude: %v", err)
	}
	_ = other
}

func TestManyWaitersOneAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	var inside, most atomic.Int32
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			h, err := lock.Acquire(t.Context(), path, lock.Holder{}, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if n := inside.Add(1); n > most.Load() {
				most.Store(n)
			}
			inside.Add(-1)
			h.Release()
		})
	}
	wg.Wait()
	if most.Load() != 1 {
		t.Fatalf("%d holders at once", most.Load())
	}
}

func TestChildrenDoNotKeepTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	h, err := lock.Try(path, lock.Holder{})
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestChildThatWaits$")
	child.Env = append(os.Environ(), "LOCK_TEST_CHILD=1")
	if _, err := child.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	h.Release()
	again, err := lock.Try(path, lock.Holder{})
	if err != nil {
		t.Fatalf("a child keeps the lock: %v", err)
	}
	again.Release()
}

// TestChildThatWaits is the child of TestChildrenDoNotKeepTheLock, and waits until it is ended.
func TestChildThatWaits(*testing.T) {
	if os.Getenv("LOCK_TEST_CHILD") != "" {
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
}

func TestDamagedHolderIsIgnored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	for _, text := range []string{"", "x", "{", `x{"pid":0}`, `x{"pid":"a"}`, string(make([]byte, 4096))} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if who, ok := lock.ReadHolder(path); ok {
			t.Errorf("%q reads as %+v", text, who)
		}
	}
}

func TestHolderString(t *testing.T) {
	for want, who := range map[string]lock.Holder{
		"another process": {},
		"pid 812":         {PID: 812},
		"pid 812 on pts/3, waiting for the user's answer, for a token for dev": {PID: 812, TTY: "pts/3", Asking: true, Purpose: "a token for dev"},
		"pid 812, for a token for dev":                                         {PID: 812, Purpose: "a token for dev"},
	} {
		if got := who.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
