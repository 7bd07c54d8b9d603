package cache_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/integration/harness/overlap"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/token"
)

// jobEnv makes the test binary a process that does one job and says what came of it.
const jobEnv = "CACHE_TEST_JOB"

// job is what a child process is to do: Get the token of an identity, Times times.
type job struct {
	Dir         string
	Who         string
	Times       int // 1 where 0
	Wait        time.Duration
	Interactive bool
	Renew       bool

	Life    time.Duration // of the token that the source gives, an hour where 0
	Counter string        // the file that each fetch makes a byte longer; its length numbers the token
	Delay   time.Duration // how long a fetch takes
	Fail    string        // how a fetch fails: "", "passing", "final" or "stale"
	Arrived string        // the file that a process makes a byte longer before it gets
	Gate    int64         // a fetch waits until so many have arrived
	Mount   string        // a file system to be mounted over Dir first, see prepare
	Old     time.Duration // life left to the record in it
	Limit   string        // a resource to be limited before, see prepare
	Ask     bool          // the fetch says that it asks a user
	Refuse  string        // an access key id to be invalidated before
	Pause   bool          // says "ready" and waits for a byte on stdin before it begins
}

// result is what came of one Get.
type result struct {
	ID       string       // the access key id
	Origin   cache.Origin //
	Err      string
	Kind     string // of a shared failure
	Warnings []string
	Left     time.Duration
	Took     time.Duration
	PID      int
	Stored   string // the access key id on disk afterwards
	Temps    int    // temporary files on disk afterwards
}

func TestMain(m *testing.M) {
	if spec := os.Getenv(jobEnv); spec != "" {
		var j job
		if err := json.Unmarshal([]byte(spec), &j); err != nil {
			panic(err)
		}
		j.run()
		os.Exit(0)
	}
	overlap.Tests()
	code := m.Run()
	if childDir != "" {
		_ = os.RemoveAll(childDir)
	}
	os.Exit(code)
}

func (j job) run() {
	runtime.LockOSThread() // strace counts the calls of each thread
	say := func(r result) {
		r.PID = os.Getpid()
		b, _ := json.Marshal(r)
		for range 3 { // the fault may have been meant for anything but this
			if _, err := os.Stdout.Write(append(b, '\n')); err == nil {
				return
			}
		}
	}
	if j.Pause {
		say(result{})
		_, _ = os.Stdin.Read(make([]byte, 1))
	}
	if err := j.prepare(); err != nil {
		say(result{Err: "prepare: " + err.Error(), Kind: "prepare"})
		return
	}
	c, err := cache.Open(j.Dir)
	if err != nil {
		say(result{Err: err.Error(), Kind: "open"})
		return
	}
	k := key(j.Who)
	if j.Refuse != "" {
		c.DeleteIfKey(k, j.Refuse)
	}
	for range max(j.Times, 1) {
		longer(j.Arrived)
		start := time.Now()
		a, err := c.Get(context.Background(), cache.Want{
			Key: k, Interactive: j.Interactive, Renew: j.Renew, Wait: j.Wait,
			Fetch: func(ctx context.Context, _ bool) (token.Token, error) { return j.fetch(ctx, k) },
			Holder: func() lock.Holder {
				return lock.Holder{Purpose: "a token for " + j.Who}
			},
		})
		r := result{ID: a.Token.Credentials.AccessKeyID, Origin: a.Origin, Took: time.Since(start)}
		if err != nil {
			r.Err = err.Error()
			var f *cache.Failure
			if f, _ = err.(*cache.Failure); f != nil {
				r.Kind = f.Kind
			}
		} else {
			r.Left = a.Token.Remaining(time.Now())
			if want := "CANARYsession/" + r.ID; len(a.Token.Credentials.SessionToken) < len(want) || a.Token.Credentials.SessionToken[:len(want)] != want {
				r.Err = "the token is torn"
			}
		}
		for _, w := range a.Warnings {
			r.Warnings = append(r.Warnings, w.Error())
		}
		if record, err := c.Load(k); err == nil {
			r.Stored = record.Token.Credentials.AccessKeyID
		}
		r.Temps = len(cache.Temps(c))
		say(r)
	}
}

func (j job) fetch(ctx context.Context, k cache.Key) (token.Token, error) {
	n := longer(j.Counter)
	if j.Ask {
		cache.Asking(ctx)
	}
	for size(j.Arrived) < j.Gate {
		time.Sleep(2 * time.Millisecond)
	}
	time.Sleep(j.Delay)
	life := j.Life
	if life == 0 {
		life = time.Hour
	}
	switch j.Fail {
	case "passing":
		return token.Token{}, errAway
	case "final":
		return token.Token{}, errDenied
	case "stale":
		life = -time.Second
	}
	return tok(k, int(n), life), nil
}

// longer makes a file a byte longer and gives its length.
func longer(path string) int64 {
	if path == "" {
		return 0
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	_, _ = f.Write([]byte{'x'})
	n, _ := f.Seek(0, io.SeekCurrent)
	return n
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

var childDir string

// childBinary is this test binary made anew: without the race detector, which makes
// processes slow to start, without libc, and in a place where every user may run it.
var childBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "cachetest")
	if err != nil {
		return "", err
	}
	childDir = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "child")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	cmd := exec.Command("go", "test", "-c", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// command is a process that does j. wrap goes in front of it.
func (j job) command(t testing.TB, wrap ...string) *exec.Cmd {
	t.Helper()
	binary, err := childBinary()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	args := append(wrap, binary)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), jobEnv+"="+string(spec), "GOMAXPROCS=1", "GOTRACEBACK=all")
	return cmd
}

// run runs j to its end and gives what it said and what it wrote to stderr.
func (j job) do(t testing.TB, wrap ...string) ([]result, string) {
	t.Helper()
	return finish(t, j.command(t, wrap...))
}

func finish(t testing.TB, cmd *exec.Cmd) ([]result, string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return results(t, &out), errs.String()
}

func results(t testing.TB, out io.Reader) []result {
	t.Helper()
	var all []result
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			continue // a line cut off by a signal
		}
		all = append(all, r)
	}
	return all
}

// one is what came of a job that gets once.
func (j job) one(t testing.TB, wrap ...string) result {
	t.Helper()
	all, errs := j.do(t, wrap...)
	if len(all) != 1 {
		t.Fatalf("%d answers: %v; stderr: %.2000s", len(all), all, errs)
	}
	return all[0]
}

// need looks for a program that the test cannot do without. Where it is missing the test is
// left out, but not unseen: on CI it fails.
func need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed", program)
		}
		t.Skipf("%s is not installed", program)
	}
	return path
}
