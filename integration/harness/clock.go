package harness

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ClockVariable names the file in which a binary made by [BuildWithClock] finds its clocks: three
// numbers of eight bytes, little-endian. How many seconds the wall clock is ahead, how many the boot clock
// is, and how often the machine has been started anew. It maps the file into its memory: the runtime asks
// for the time in places where no system call can be made.
const ClockVariable = "FAKE_CLOCK_FILE"

// fakeClocks are beside the standard library's time.Now, which is renamed for it. Timers and time-outs
// go by the monotonic clock, which does not move, as when a user sets a real clock.
const fakeClocks = `package time

import (
	"syscall"
	"unsafe"
)

var fake = func() *[3]int64 {
	none := new([3]int64)
	name, ok := syscall.Getenv("` + ClockVariable + `")
	if !ok {
		return none
	}
	fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return none
	}
	defer syscall.Close(fd)
	page, err := syscall.Mmap(fd, 0, 24, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return none
	}
	return (*[3]int64)(unsafe.Pointer(&page[0]))
}()

func Now() Time {
	t := realNow()
	if fake != nil { // nil while packages are initialised
		t.addSec(fake[0])
	}
	return t
}

// FakeBoot is how far ahead the boot clock is, in nanoseconds.
func FakeBoot() int64 { return fake[1] * 1e9 }

// FakeBootID is what comes behind the name of the boot.
func FakeBootID() string { return string(rune('a'+fake[2])) }
`

// BuildWithClock builds the command package pkg of this module into dir/clock, with a wall clock
// and a boot clock that follow a file, and gives the binary's path.
func BuildWithClock(dir, pkg string) (string, error) {
	dir = filepath.Join(dir, "clock")
	overlay, err := Overlay(dir)
	if err != nil {
		return "", err
	}
	return Build(dir, pkg, overlay)
}

// Overlay writes to dir what "go build" needs for a binary whose clocks tests can move, and gives
// the argument for it: two source files are replaced for that one build, and the program's own
// source is untouched. (No library interposed at run time reaches a Go program's clock.)
func Overlay(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", err
	}
	timeDir := filepath.Join(strings.TrimSpace(string(goroot)), "src", "time")
	bootFile := filepath.Join(strings.TrimSpace(string(module)), "internal", "record", "clock_linux.go")
	now, err := replace(filepath.Join(timeDir, "time.go"), "\nfunc Now() Time {", "\nfunc realNow() Time {")
	if err != nil {
		return "", err
	}
	boot, err := replace(bootFile, "return time.Duration(ts.Nano()), bootID()", "return time.Duration(ts.Nano() + time.FakeBoot()), bootID() + time.FakeBootID()")
	if err != nil {
		return "", err
	}
	overlay := map[string]string{}
	for target, content := range map[string]string{
		filepath.Join(timeDir, "time.go"):    now,
		filepath.Join(timeDir, "fakenow.go"): fakeClocks,
		bootFile:                             boot,
	} {
		file := filepath.Join(dir, "overlay-"+filepath.Base(target))
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return "", err
		}
		overlay[target] = file
	}
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, list, 0o600); err != nil {
		return "", err
	}
	return "-overlay=" + file, nil
}

func replace(file, old, replacement string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if strings.Count(string(b), old) != 1 {
		return "", fmt.Errorf("%s is not as this test knows it: no single %q", file, old)
	}
	return strings.Replace(string(b), old, replacement, 1), nil
}

// Clock moves the time of a home whose binary was made by [BuildWithClock].
type Clock struct{ file string }

// NewClock gives the home a clock that is right to begin with.
func (h *Home) NewClock() (*Clock, error) {
	c := &Clock{file: filepath.Join(h.Dir, "clock")}
	h.Env[ClockVariable] = c.file
	return c, c.Set(0)
}

// Set makes both clocks differ from the real ones by that much, in whole seconds.
func (c *Clock) Set(ahead time.Duration) error { return c.SetBoth(ahead, ahead, 0) }

// SetBoth makes the wall clock and the boot clock differ from the real ones, each by that much in
// whole seconds. boots counts how often the machine has been started since.
func (c *Clock) SetBoth(wall, boot time.Duration, boots int) error {
	f, err := os.OpenFile(c.file, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	var b []byte
	for _, n := range []int64{int64(wall / time.Second), int64(boot / time.Second), int64(boots)} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	_, err = f.WriteAt(b, 0)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
