package audit_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/audit"
)

const asWriter = "AUDIT_TEST_WRITER"

// TestMain lets the test binary be a process that writes lines: "FILE NAME COUNT".
func TestMain(m *testing.M) {
	if job := strings.Fields(os.Getenv(asWriter)); len(job) == 3 {
		count, _ := strconv.Atoi(job[2])
		for i := range count {
			if err := (audit.Config{File: job[0]}).Write(audit.Line{Profile: job[1], AccessKeyID: "ASIA" + strconv.Itoa(i), Way: audit.Process}); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		return
	}
	os.Exit(m.Run())
}

func writer(t *testing.T, file, name string, count int) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", asWriter, file, name, count))
	return cmd
}

func write(t *testing.T, file string, n int) {
	t.Helper()
	for i := range n {
		l := audit.Line{Profile: "dev", Identity: "arn:aws:sts::111122223333:assumed-role/deploy/x", AccessKeyID: "ASIA" + strconv.Itoa(i), Expires: time.Now().Add(time.Hour), Way: audit.Process}
		if err := (audit.Config{File: file}).Write(l); err != nil {
			t.Fatal(err)
		}
	}
}

func verify(t *testing.T, file string, lines, breaks, wrong int) audit.Report {
	t.Helper()
	r, err := audit.Verify(file)
	if err != nil || r.Lines != lines || r.Breaks != breaks || len(r.Wrong) != wrong {
		t.Errorf("%+v, %v; want %d lines, %d breaks, %d wrong", r, err, lines, breaks, wrong)
	}
	return r
}

func edit(t *testing.T, file string, change func(lines []string) []string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Join(change(strings.SplitAfter(string(b), "\n")), "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A line that is changed, taken out, put in or moved is found; what is cut off at the end is not, and
// shows in the head.
func TestVerify(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(l []string) []string
		lines  int
		wrong  int
	}{
		"nothing":             {func(l []string) []string { return l }, 9, 0},
		"a letter":            {func(l []string) []string { l[3] = strings.Replace(l[3], "dev", "dex", 1); return l }, 9, 1},
		"the last line's own": {func(l []string) []string { l[8] = strings.Replace(l[8], "dev", "dex", 1); return l }, 9, 0},
		"a line out":          {func(l []string) []string { return append(l[:3:3], l[4:]...) }, 8, 1},
		"the first out":       {func(l []string) []string { return l[1:] }, 8, 1},
		"a line twice":        {func(l []string) []string { return append(l[:4:4], l[3:]...) }, 10, 1},
		"two changed places":  {func(l []string) []string { l[3], l[4] = l[4], l[3]; return l }, 9, 3},
		"the end cut off":     {func(l []string) []string { return l[:7] }, 7, 0},
		"half a line":         {func(l []string) []string { l[8] = l[8][:20]; return l }, 9, 1},
		"something else":      {func(l []string) []string { l[5] = "hello\n"; return l }, 9, 2},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "audit.log")
			write(t, file, 9)
			head := verify(t, file, 9, 0, 0).Head
			edit(t, file, tt.change)
			if r := verify(t, file, tt.lines, 0, tt.wrong); (name == "nothing") != (r.Head == head) && tt.wrong == 0 {
				t.Errorf("the head is %s, before %s", r.Head, head)
			}
		})
	}
}

// Fifty processes write ten thousand lines at once, and some of them are killed meanwhile: no line is
// torn, and the chain is whole.
func TestManyWriters(t *testing.T) {
	processes, each := 50, 200
	if testing.Short() {
		processes, each = 10, 20
	}
	file := filepath.Join(t.TempDir(), "audit.log")
	var wg sync.WaitGroup
	for i := range processes {
		cmd := writer(t, file, "p"+strconv.Itoa(i), each)
		wg.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	victims := 0
	for range 20 {
		cmd := writer(t, file, "victim", 1_000_000)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		before := count(t, file, "victim")
		for deadline := time.Now().Add(time.Minute); count(t, file, "victim") == before && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	wg.Wait()
	victims = count(t, file, "victim")
	r, err := audit.Verify(file)
	if err != nil || len(r.Wrong) > 0 || r.Lines != processes*each+victims {
		t.Errorf("%d lines, want %d and %d; %v, %v", r.Lines, processes*each, victims, r.Wrong, err)
	}
	t.Logf("%d lines, %d of them by processes that were killed, %d breaks", r.Lines, victims, r.Breaks)
}

func count(t *testing.T, file, name string) (n int) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, `"profile":"`+name+`"`) && json.Valid([]byte(line)) {
			n++
		}
	}
	return n
}

// A file that is large is put aside, and the chain goes on in the next.
func TestPutAside(t *testing.T) {
	defer audit.SetMaxSize(1000)()
	file := filepath.Join(t.TempDir(), "audit.log")
	write(t, file, 12)
	if _, err := os.Stat(file + ".1"); err != nil {
		t.Fatal(err)
	}
	verify(t, file, 12, 0, 0)
	if b, _ := os.ReadFile(file); strings.Contains(string(b), `"previous":""`) {
		t.Error("the chain begins anew")
	}
	write(t, file, 100)
	if _, err := os.Stat(file + ".10"); err == nil {
		t.Error("more than nine are kept")
	}
	if r, err := audit.Verify(file); err != nil || len(r.Wrong) > 0 || r.Files < 9 {
		t.Errorf("%+v, %v", r, err)
	}
	edit(t, file+".1", func(l []string) []string { return l[:len(l)-2] }) // its last line
	if r, err := audit.Verify(file); err != nil || len(r.Wrong) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if err := os.Remove(file); err != nil { // as between putting aside and the next line
		t.Fatal(err)
	}
	write(t, file, 1)
	if r, err := audit.Verify(file); err != nil || len(r.Wrong) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// Half a line that a killed or starved process left is not taken for one, nor for one that was changed; the next
// says so. Where none does, it was changed.
func TestHalfALine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	write(t, file, 2)
	edit(t, file, func(l []string) []string { return append(l, `{"v":1,"ti`) })
	verify(t, file, 3, 0, 1)
	write(t, file, 2)
	verify(t, file, 4, 1, 0)
	edit(t, file, func(l []string) []string { return append(l[:3], l[4:]...) })
	verify(t, file, 4, 0, 2)
}

// What is no private file of the user's own is not written to.
func TestWhatIsNoLog(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "target"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(path string) error{
		"a directory":   func(p string) error { return os.Mkdir(p, 0o700) },
		"readable":      func(p string) error { return os.WriteFile(p, nil, 0o644) },
		"a link out":    func(p string) error { return os.Symlink("/etc/hostname", p) },
		"no directory":  func(string) error { return nil },
		"a second name": func(p string) error { return os.Link(filepath.Join(dir, "target"), p) },
	} {
		path := filepath.Join(dir, name)
		if name == "no directory" {
			path = filepath.Join(dir, "none", "audit.log")
		}
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		err := (audit.Config{File: path}).Write(audit.Line{AccessKeyID: "ASIA", Way: audit.Process})
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "audit log") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A long line, of a program whose path JSON has no short form of, is no changed one.
func TestLongLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	for _, n := range []int{1, 1300, 1400, 4096, 20_000, 2} {
		if err := (audit.Config{File: file}).Write(audit.Line{Way: audit.Process, Program: strings.Repeat("<", n)}); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := audit.Verify(file); err != nil || r.Lines != 6 || len(r.Wrong) != 0 || r.Breaks != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
