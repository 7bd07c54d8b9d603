package bench_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// situation is a warm call: what came before it, and the line that is timed.
type situation struct {
	name string
	home *harness.Home
	args []string
	env  []string
	most float64 // the target, times the floor
}

func (s *situation) command(b *testing.B) *exec.Cmd {
	b.Helper()
	cmd := s.home.Command(b.Context(), s.args...)
	cmd.Env = append(cmd.Env, s.env...)
	return cmd
}

// afterLogin is a home whose session was got by a login with an MFA code.
func afterLogin(b *testing.B) *harness.Home {
	b.Helper()
	e := emulator.New(emulator.World{})
	u := e.AddUser("111122223333", "alice")
	device := e.AddMFADevice(u, "alice")
	harness.Must(b, e.Start())
	b.Cleanup(e.Close)
	h, err := harness.NewHome(filepath.Join(b.TempDir(), "home"), built(b).helper, e.URL())
	harness.Must(b, err)
	harness.Must(b, h.Write(".aws/config", "[profile base]\nmfa_serial = "+device.SerialNumber+"\n"))
	harness.Must(b, h.Write(".aws/credentials", fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", u.AccessKeyID, u.SecretAccessKey)))
	if r := h.Run(b.Context(), "login", "--source-profile", "base", "--mfa-code", device.Code(time.Now())); r.Code != 0 {
		b.Fatal(r.Stderr)
	}
	return h
}

// narrowed is a home where a policy narrows the session that another program prints.
func narrowed(b *testing.B) *harness.Home {
	b.Helper()
	h := home(b, 2, 1)
	keys := h.Run(b.Context(), "--no-cache", "--source-profile", "base")
	if keys.Code != 0 {
		b.Fatal(keys.Stderr)
	}
	harness.Must(b, h.Write("keys.json", keys.Stdout))
	harness.Must(b, h.Write("policy.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`))
	f, err := os.OpenFile(filepath.Join(h.Dir, ".aws", "config"), os.O_APPEND|os.O_WRONLY, 0)
	harness.Must(b, err)
	_, err = f.WriteString("[profile vault]\ncredential_process = cat " + filepath.Join(h.Dir, "keys.json") + "\nregion = eu-west-1\n")
	harness.Must(b, err)
	harness.Must(b, f.Close())
	return h
}

// edited is a home whose ~/.aws/config was changed after the token was got.
func edited(b *testing.B) *harness.Home {
	b.Helper()
	h := home(b, 2, 1)
	f, err := os.OpenFile(filepath.Join(h.Dir, ".aws", "config"), os.O_APPEND|os.O_WRONLY, 0)
	harness.Must(b, err)
	_, err = f.WriteString("[profile new]\nregion = eu-west-1\n")
	harness.Must(b, err)
	harness.Must(b, f.Close())
	return h
}

// upgraded is a home whose token was got by another version.
func upgraded(b *testing.B) *harness.Home {
	b.Helper()
	h := home(b, 2, 1)
	h.Bin = built(b).upgraded
	return h
}

// audited is a home with a log of who got what, in which each call has its line.
func audited(b *testing.B) *harness.Home {
	b.Helper()
	h := home(b, 2, 1)
	harness.Must(b, h.Write(".config/sts-helper/config.toml", "[audit]\nfile = \"~/audit.log\"\n"))
	return h
}

// ruled is a home where agents get less, so that each call depends on all variables that agents are known by.
func ruled(b *testing.B) *harness.Home {
	b.Helper()
	h := home(b, 2, 1)
	harness.Must(b, h.Write(".config/sts-helper/config.toml", "[agent]\nread_only = true\n"))
	return h
}

func situations(b *testing.B) []situation {
	b.Helper()
	plain := []string{"--source-profile", "base"}
	ordinary := []string{"STS_HELPER_NO_DIRECT=1"}
	return []situation{
		{"plain", home(b, 2, 1), plain, nil, 1.1},
		{"other-spelling", home(b, 2, 1), []string{"process", "--source-profile=base"}, nil, 1.1},
		{"after-login-with-MFA", afterLogin(b), plain, nil, 1.1},
		{"after-an-edit", edited(b), plain, nil, 1.1},
		{"after-an-upgrade", upgraded(b), plain, nil, 1.1},
		{"5000-profiles", home(b, 5000, 1), plain, nil, 1.3},
		{"10000-records", home(b, 2, 10_000), plain, nil, 1.1},
		{"narrowed", narrowed(b), []string{"--source-profile", "vault", "--policy", "policy.json"}, nil, 1.1},
		{"agents-ruled", ruled(b), plain, nil, 1.1},
		{"an-agent", ruled(b), plain, []string{"CLAUDECODE=1"}, 1.1},
		{"status-short", home(b, 2, 1), append([]string{"status", "--short"}, plain...), nil, 1.1},
		{"bare-line", home(b, 2, 1), nil, []string{"AWS_PROFILE=base"}, 1.1},
		{"ordinary", home(b, 2, 1), plain, ordinary, 0}, // for comparison
		{"audited", audited(b), plain, nil, 0},
	}
}

// BenchmarkWarmCall is a call that finds its token, from start to exit, in each situation; in
// random order, beside this binary with an init that only exits, which is its floor, and an
// empty Go program. Each program is started twice in a row, and both calls are timed: the first after
// another program, so that much of it must be fetched from memory anew, the second after itself, so that
// least of its time is the machine's. What counts are the ratios of the medians: each call to the
// floor, and the floor to the empty program. That of the second calls is the harder one.
func BenchmarkWarmCall(b *testing.B) {
	programs, all := built(b), situations(b)
	for i := range all { // the first call in its situation leaves its note; the next are timed
		once(b, all[i].command(b))
	}
	const floor, empty, runs = "floor", "empty", 2
	var walls [runs]map[string][]time.Duration
	for i := range walls {
		walls[i] = map[string][]time.Duration{}
	}
	order := make([]int, len(all)+2)
	for b.Loop() {
		for i := range order {
			order[i] = i
		}
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			for run := range runs {
				switch i {
				case len(all):
					walls[run][floor] = append(walls[run][floor], once(b, exec.Command(programs.floor)))
				case len(all) + 1:
					walls[run][empty] = append(walls[run][empty], once(b, exec.Command(programs.empty)))
				default:
					walls[run][all[i].name] = append(walls[run][all[i].name], once(b, all[i].command(b)))
				}
			}
		}
	}
	ratio := func(run int, name, to string) float64 {
		return float64(median(walls[run][name])) / float64(median(walls[run][to]))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(median(walls[1][empty])), "empty-ms")
	b.ReportMetric(ratio(1, floor, empty), "floor/empty")
	var table strings.Builder
	fmt.Fprintf(&table, "\n%-22s %21s %21s\n%-22s %10s %10s %10s %10s %10s\n", "", "after another program", "after itself",
		"", "ms", "x floor", "ms", "x floor", "at most")
	row := func(name string, most float64) {
		target := ""
		if most > 0 {
			target = fmt.Sprintf("%.2f", most)
		}
		fmt.Fprintf(&table, "%-22s %10.2f %10.2f %10.2f %10.2f %10s\n", name,
			ms(median(walls[0][name])), ratio(0, name, floor), ms(median(walls[1][name])), ratio(1, name, floor), target)
	}
	row(empty, 0)
	row(floor, 0)
	for _, s := range all {
		row(s.name, s.most)
		b.ReportMetric(ratio(1, s.name, floor), s.name+"/floor")
	}
	if b.N > 1 {
		fmt.Print(table.String()) // b.Log shows ten lines
	}
}
