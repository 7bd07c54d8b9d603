package bench_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// programs are built the same way: the helper, another version of it, itself with an init that
// only exits (its floor), and an empty Go program.
type programs struct{ helper, upgraded, floor, empty string }

func TestMain(m *testing.M) {
	var err error
	if copies, err = os.MkdirTemp("", "bench"); err != nil {
		panic(err)
	}
	code := harness.Main(m)
	_ = os.RemoveAll(copies)
	os.Exit(code)
}

// built gives the programs as copies, as warm as those that have been run often: a file that the
// linker wrote runs up to a quarter slower than a copy of it.
func built(b *testing.B) programs {
	b.Helper()
	warm.Do(func() {
		for i, from := range []string{harness.Binary(b), harness.Upgrade(b), harness.Floor(b), harness.Program(b, "empty")} {
			dir, err := os.MkdirTemp(copies, "")
			harness.Must(b, err)
			program := filepath.Join(dir, filepath.Base(from))
			harness.Must(b, exec.Command("cp", from, program).Run())
			*[]*string{&copied.helper, &copied.upgraded, &copied.floor, &copied.empty}[i] = program
		}
		for range 20 {
			for _, program := range []string{copied.empty, copied.floor, copied.helper, copied.upgraded} {
				_ = exec.Command(program, "version").Run()
			}
		}
	})
	return copied
}

var (
	copied programs
	copies string // a folder
)

var warm sync.Once

// home is a home with so many profiles and records, and a token for profile "base" among them.
func home(b *testing.B, profiles, records int) *harness.Home {
	b.Helper()
	e := emulator.New(emulator.World{})
	u := e.AddUser("111122223333", "alice")
	harness.Must(b, e.Start())
	b.Cleanup(e.Close)
	h, err := harness.NewHome(filepath.Join(b.TempDir(), "home"), built(b).helper, e.URL())
	harness.Must(b, err)
	var config, keys strings.Builder
	for i := range profiles {
		fmt.Fprintf(&config, "[profile p%d]\nregion = eu-west-1\nrole_arn = arn:aws:iam::111122223333:role/r%d\nsource_profile = base\n\n", i, i)
		fmt.Fprintf(&keys, "[k%d]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARY%040d\n\n", i, i)
	}
	fmt.Fprintf(&keys, "[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", u.AccessKeyID, u.SecretAccessKey)
	harness.Must(b, h.Write(".aws/config", config.String()))
	harness.Must(b, h.Write(".aws/credentials", keys.String()))
	if r := h.Run(b.Context(), "--source-profile", "base"); r.Code != 0 {
		b.Fatal(r.Stderr)
	}
	for i := range records {
		harness.Must(b, h.Write(fmt.Sprintf(".cache/sts-helper/v1/%064x.cred", i), "STSH1 of another request"))
	}
	return h
}

// once starts a program, waits for it, and gives its wall time.
func once(b *testing.B, cmd *exec.Cmd) time.Duration {
	b.Helper()
	var out bytes.Buffer // a pipe, as an SDK has it: nothing is answered directly to /dev/null
	cmd.Stdout = &out
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func median(v []time.Duration) time.Duration {
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkFiftyAtOnce starts 50 warm calls together, then 50 empty programs.
func BenchmarkFiftyAtOnce(b *testing.B) {
	h := home(b, 2, 1)
	const n = 50
	crowd := func(command func() *exec.Cmd) time.Duration {
		start := time.Now()
		all := make([]*exec.Cmd, n)
		for i := range all {
			all[i] = command()
			all[i].Stdout = new(bytes.Buffer)
			harness.Must(b, all[i].Start())
		}
		for _, c := range all {
			harness.Must(b, c.Wait())
		}
		return time.Since(start)
	}
	var warm, empty []time.Duration
	for b.Loop() {
		warm = append(warm, crowd(func() *exec.Cmd { return h.Command(b.Context(), "--source-profile", "base") }))
		empty = append(empty, crowd(func() *exec.Cmd { return exec.Command(built(b).empty) }))
	}
	b.ReportMetric(ms(median(warm)), "warm-ms")
	b.ReportMetric(ms(median(empty)), "empty-ms")
	b.ReportMetric(float64(median(warm))/float64(median(empty)), "x-empty")
}

// BenchmarkColdCrowd starts 50 calls that find nothing; calls-of-STS must be 1.
func BenchmarkColdCrowd(b *testing.B) {
	e := emulator.New(emulator.World{})
	u := e.AddUser("111122223333", "alice")
	harness.Must(b, e.Start())
	b.Cleanup(e.Close)
	var walls []time.Duration
	rounds := 0
	for b.Loop() {
		h, err := harness.NewHome(filepath.Join(b.TempDir(), fmt.Sprint(rounds)), built(b).helper, e.URL())
		harness.Must(b, err)
		rounds++
		harness.Must(b, h.Write(".aws/credentials", fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", u.AccessKeyID, u.SecretAccessKey)))
		start := time.Now()
		all := make([]*exec.Cmd, 50)
		for i := range all {
			all[i] = h.Command(b.Context(), "--source-profile", "base")
			harness.Must(b, all[i].Start())
		}
		for _, c := range all {
			harness.Must(b, c.Wait())
		}
		walls = append(walls, time.Since(start))
	}
	b.ReportMetric(ms(median(walls)), "wall-ms")
	b.ReportMetric(float64(e.Count("GetSessionToken"))/float64(rounds), "calls-of-STS")
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
