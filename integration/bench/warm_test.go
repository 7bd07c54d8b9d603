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
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// programs are the helper and an empty Go program built the same way.
type programs struct{ helper, empty string }

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// built gives the programs, as warm as those that have been run often: a freshly linked file
// runs slower.
func built(b *testing.B) programs {
	b.Helper()
	p := programs{harness.Binary(b), harness.Program(b, "empty")}
	warm.Do(func() {
		for range 20 {
			_ = exec.Command(p.empty).Run()
			_ = exec.Command(p.helper, "version").Run()
		}
	})
	return p
}

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
	time.Sleep(60 * time.Millisecond) // until the files count as unchanging
	if r := h.Run(b.Context(), "--source-profile", "base"); r.Code != 0 {
		b.Fatal(r.Stderr)
	}
	for i := range records {
		harness.Must(b, h.Write(fmt.Sprintf(".cache/sts-helper/v1/%064x.cred", i), "STSH1 of another request"))
	}
	return h
}

// once starts a program, waits for it, and gives its wall time and its memory.
func once(b *testing.B, cmd *exec.Cmd) (time.Duration, int64) {
	b.Helper()
	var out bytes.Buffer // a pipe, as an SDK has it: nothing is answered directly to /dev/null
	cmd.Stdout = &out
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	wall := time.Since(start)
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return wall, usage.Maxrss << 10
}

func median[T int64 | time.Duration](v []T) T {
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkWarmCall is a call that finds its token, from start to exit, against an empty Go
// program in turn: answered directly, as the same line is when it is run again, and the
// ordinary way. What counts is x-empty, the ratio of the medians.
func BenchmarkWarmCall(b *testing.B) {
	for _, way := range []struct{ name, variable string }{{"direct", ""}, {"ordinary", "STS_HELPER_NO_DIRECT=1"}} {
		b.Run(way.name, func(b *testing.B) {
			h := home(b, 2, 1)
			var warm, empty []time.Duration
			var memory []int64
			for b.Loop() {
				cmd := h.Command(b.Context(), "--source-profile", "base")
				cmd.Env = append(cmd.Env, way.variable)
				w, rss := once(b, cmd)
				warm, memory = append(warm, w), append(memory, rss)
				e, _ := once(b, exec.Command(built(b).empty))
				empty = append(empty, e)
			}
			b.ReportMetric(ms(median(warm)), "warm-ms")
			b.ReportMetric(ms(median(empty)), "empty-ms")
			b.ReportMetric(float64(median(warm))/float64(median(empty)), "x-empty")
			b.ReportMetric(float64(median(memory))/(1<<20), "MB")
		})
	}
}

// BenchmarkManyProfilesAndRecords is the same call in a home with 5,000 profiles and 10,000
// records, against one with 2 and 1.
func BenchmarkManyProfilesAndRecords(b *testing.B) {
	small, large := home(b, 2, 1), home(b, 5000, 10_000)
	var few, many []time.Duration
	for b.Loop() {
		f, _ := once(b, small.Command(b.Context(), "--source-profile", "base"))
		m, _ := once(b, large.Command(b.Context(), "--source-profile", "base"))
		few, many = append(few, f), append(many, m)
	}
	b.ReportMetric(ms(median(few)), "few-ms")
	b.ReportMetric(ms(median(many)), "many-ms")
	b.ReportMetric(float64(median(many))/float64(median(few)), "x-few")
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
