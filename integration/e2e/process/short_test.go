package process_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// short is the line of a shell prompt about what l asks for.
func (l line) short() line {
	args := l.args
	if len(args) > 0 && args[0] == "process" {
		args = args[1:]
	}
	return line{args: append([]string{"status", "--short"}, args...), env: l.env}
}

// bothWays runs a line of "status --short", and gives what it says and whether directly. The ordinary way must
// say the same within the same second, or minute, that it shows.
func bothWays(t *testing.T, w *harness.World, l line) (said string, direct bool) {
	t.Helper()
	ordinary := func() harness.Result {
		r, direct := w.Directly(t, l.command(t, w, "STS_HELPER_NO_DIRECT=1"))
		if direct {
			t.Fatalf("%q is answered directly although that is turned off", l)
		}
		r.Wall = 0
		return r
	}
	harness.Await(t, "the same answer before and after", func() bool {
		before := ordinary()
		got, d := w.Directly(t, l.command(t, w))
		if before != ordinary() {
			return false // the clock went on
		}
		got.Wall = 0
		if said, direct = got.Stdout, d; got != before {
			t.Errorf("%q: direct %v, exit %d, %q, %q; the ordinary way exit %d, %q, %q", l, d, got.Code, got.Stdout, got.Stderr, before.Code, before.Stdout, before.Stderr)
		}
		return true
	})
	return said, direct
}

// shortDirectly runs a line twice: the first run may leave a note, the second is a direct answer.
func shortDirectly(t *testing.T, w *harness.World, l line) {
	t.Helper()
	if r := w.Finish(t, l.command(t, w)); r.Code != 0 {
		t.Fatalf("%q: exit %d, %q", l, r.Code, r.Stderr)
	}
	if said, direct := bothWays(t, w, l); !direct {
		t.Errorf("%q is not answered directly: %q", l, said)
	}
}

// Of whatever credentials, a prompt says the same by both ways: before there are any, and with them.
func TestShortStatusOfGeneratedQuestions(t *testing.T) {
	questions(t, 40, func(s *stage, l line) {
		bothWays(t, s.World, l.short())
		s.Creds(t, s.Finish(t, l.command(t, s.World)))
		calls := s.STS.Count("")
		shortDirectly(t, s.World, l.short())
		if n := s.STS.Count(""); n != calls {
			t.Errorf("%q: %d calls of STS", l, n-calls)
		}
	})
}

// Whatever changes what a prompt is to say ends the direct answer.
func TestShortStatusEndsWithAnyChange(t *testing.T) {
	const config = "[profile.dev]\nsource_profile = \"base\"\nduration = \"2h\"\n[profile.other]\nsource_profile = \"base\"\nduration = \"3h\"\n"
	l := line{args: []string{"status", "--short"}, env: []string{"AWS_PROFILE=dev"}}
	clock := map[string]bool{"the end": true, "a renewed record": true} // which take one that moves
	for name, change := range map[string]func(t *testing.T, m *harness.MovableWorld, l *line) (want string){
		"the end": func(t *testing.T, m *harness.MovableWorld, _ *line) string {
			m.At(t, 2*time.Hour+time.Second)
			return "dev empty\n"
		},
		"logout": func(t *testing.T, m *harness.MovableWorld, _ *line) string {
			if r := m.Run(t, "logout", "dev"); r.Code != 0 {
				t.Fatal(r.Stderr)
			}
			return "dev empty\n"
		},
		"AWS_PROFILE": func(_ *testing.T, _ *harness.MovableWorld, l *line) string {
			l.env = []string{"AWS_PROFILE=other"}
			return "other empty\n"
		},
		"an argument": func(_ *testing.T, _ *harness.MovableWorld, l *line) string {
			l.args = append(l.args, "other")
			return "other empty\n"
		},
		"the entry": func(t *testing.T, m *harness.MovableWorld, _ *line) string {
			harness.Must(t, m.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\nduration = \"4h\"\n"))
			return "dev empty\n"
		},
		"the key": func(t *testing.T, m *harness.MovableWorld, _ *line) string {
			u := m.STS.AddUser(harness.Account, "bob")
			harness.Must(t, m.Write(".aws/credentials", fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", u.AccessKeyID, u.SecretAccessKey)))
			return "dev empty\n"
		},
		"a misspelt variable": func(_ *testing.T, _ *harness.MovableWorld, l *line) string {
			l.env = append(l.env, "STS_HELPER_DURATON=3h")
			return ""
		},
		"a renewed record": func(t *testing.T, m *harness.MovableWorld, _ *line) string {
			m.At(t, 90*time.Minute)
			m.Creds(t, m.Run(t, "--profile", "dev"))
			return "dev "
		},
		"a damaged record": func(t *testing.T, m *harness.MovableWorld, _ *line) string {
			harness.Must(t, os.Truncate(recordOf(t, m.World), 700))
			return "dev unusable\n"
		},
		"a record in the spare cache": func(t *testing.T, m *harness.MovableWorld, _ *line) string {
			record := recordOf(t, m.World)
			data, err := os.ReadFile(record)
			harness.Must(t, err)
			spare := filepath.Join(m.Dir, "run", "sts-helper", "cache", "v1")
			harness.Must(t, os.MkdirAll(spare, 0o700))
			harness.Must(t, os.WriteFile(filepath.Join(spare, filepath.Base(record)), data, 0o600))
			return "dev "
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &harness.MovableWorld{}
			if clock[name] {
				m = harness.NewMovableWorld(t)
			} else {
				m.World = harness.NewWorld(t)
			}
			harness.Must(t, m.Write(".config/sts-helper/config.toml", config))
			harness.Must(t, os.Mkdir(filepath.Join(m.Dir, "run"), 0o700))
			m.Env["XDG_RUNTIME_DIR"] = filepath.Join(m.Dir, "run")
			m.Creds(t, m.Run(t, "--profile", "dev"))
			shortDirectly(t, m.World, l)
			changed := l
			want := change(t, m, &changed)
			got, direct := m.World.Directly(t, changed.command(t, m.World))
			if direct || !strings.HasPrefix(got.Stdout, want) || want == "" && got.Code == 0 {
				t.Errorf("direct %v, exit %d, %q, %q", direct, got.Code, got.Stdout, got.Stderr)
			}
			bothWays(t, m.World, changed)
		})
	}
}

func recordOf(t *testing.T, w *harness.World) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(w.Cache(), "v1", "*.cred"))
	harness.Must(t, err)
	if len(all) != 1 {
		t.Fatal(all)
	}
	return all[0]
}

// How long a record lasts is said directly until its end, whether it is due for a refresh or not.
func TestShortStatusGoesByTheClock(t *testing.T) {
	m := harness.NewMovableWorld(t)
	args := []string{"--source-profile", "base", "--duration", "1h"}
	m.Creds(t, m.Run(t, args...))
	l := line{args: args}.short()
	shortDirectly(t, m.World, l)
	for _, at := range []time.Duration{harness.Fresh, harness.Due, time.Hour - 30*time.Second, time.Hour + time.Second} {
		m.At(t, at)
		if said, direct := bothWays(t, m.World, l); direct != (at < time.Hour) {
			t.Errorf("at %s: direct %v, %q", at, direct, said)
		}
	}
	if n := m.STS.Count(""); n != 1 {
		t.Errorf("%d calls of STS", n)
	}
}

// While the user is asked for a code, a prompt elsewhere says so; before and after it says how long the
// session lasts.
func TestShortStatusWhileTheUserIsAsked(t *testing.T) {
	m := harness.NewMFAWorld(t)
	w := m.World.Movable(t)
	if r := m.Run(t, "login", "dev", "--mfa-code", m.Code()); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	w.At(t, harness.Fresh) // the login is not of this second any more
	l := line{args: []string{"status", "--short", "dev"}}
	shortDirectly(t, m.World, l)
	tt := harness.NewTerminal(t)
	j := harness.Start(t, tt, m.Command(t, "login", "dev", "--force"))
	tt.Await(harness.Prompt, 1)
	if said, direct := bothWays(t, m.World, l); direct || said != "dev asking\n" {
		t.Errorf("direct %v, %q", direct, said)
	}
	tt.Type("\x03")
	_ = j.Result(t)
	w.At(t, 2*harness.Fresh)
	shortDirectly(t, m.World, l)
}

// To a full pipe that no process reads, and to a closed one, the line goes as by the ordinary way.
func TestShortStatusThatCannotBeWritten(t *testing.T) {
	w := harness.NewWorld(t)
	l := line{args: []string{"--source-profile", "base"}}
	w.Creds(t, w.Finish(t, l.command(t, w)))
	shortDirectly(t, w, l.short())
	full := func(extra ...string) (r harness.Result) {
		cmd := l.short().command(t, w, extra...)
		sh := exec.Command("/bin/sh", append([]string{"-c", `ulimit -f 0; exec "$0" "$@" >"$OUT"`, cmd.Path}, cmd.Args[1:]...)...)
		sh.Env = append(cmd.Env, "OUT="+filepath.Join(t.TempDir(), "out"))
		r = w.Finish(t, sh)
		r.Wall = 0
		return r
	}
	if got, want := full(), full("STS_HELPER_NO_DIRECT=1"); got != want || got.Code == 0 {
		t.Errorf("%+v, the ordinary way %+v", got, want)
	}
}

// generate spells what an operation takes as flags and variables at random.
func generate(rng *rand.Rand, o operation) (l line) {
	set := o.settings
	switch o.op {
	case "GetSessionToken", "GetFederationToken":
		set = set.with("duration", fmt.Sprint(3600+rng.IntN(3)*900))
	}
	if rng.IntN(2) == 0 {
		set = set.with("region", []string{"eu-west-1", "us-east-1", "eu-central-1"}[rng.IntN(3)])
	}
	for _, known := range settings.Settings() {
		values, ok := set[known.Flag]
		way := rng.IntN(3)
		switch {
		case !ok:
		case way == 0:
			l.env = append(l.env, known.Env+"="+strings.Join(values, "\n"))
		default:
			for _, v := range values {
				switch {
				case way == 1 || known.Kind == settings.Bool:
					l.args = append(l.args, "--"+known.Flag+"="+v)
				default:
					l.args = append(l.args, "--"+known.Flag, v)
				}
			}
		}
	}
	if rng.IntN(4) == 0 {
		l.args = append([]string{"process"}, l.args...)
	}
	return l
}
