package process_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// The second call of the same line is answered directly, with the same document.
func TestDirectAnswer(t *testing.T) {
	w := harness.NewWorld(t)
	first, direct := w.Directly(t, w.Command(t, "--source-profile", "base"))
	if w.Creds(t, first); direct {
		t.Fatal("the first call is answered before anything was asked")
	}
	second, direct := w.Directly(t, w.Command(t, "--source-profile", "base"))
	if !direct {
		t.Error("the second call is not answered directly")
	}
	if second.Stdout != first.Stdout || second.Code != 0 || second.Stderr != "" {
		t.Errorf("exit %d, %q", second.Code, second.Stderr)
	}
	off := w.Command(t, "--source-profile", "base")
	off.Env = append(off.Env, "STS_HELPER_NO_DIRECT=1")
	third, direct := w.Directly(t, off)
	if direct || third.Stdout != first.Stdout {
		t.Errorf("turned off: direct %v", direct)
	}
}

// Whatever changes what a line means, or what became of its token, ends the direct answer;
// what comes then is what comes without any.
func TestDirectAnswerEndsWithAnyChange(t *testing.T) {
	args := []string{"--source-profile", "base", "--duration", "2h"}
	record := func(t *testing.T, w *harness.World) string {
		t.Helper()
		all, _ := filepath.Glob(filepath.Join(w.Cache(), "v1", "*.cred"))
		if len(all) != 1 {
			t.Fatal(all)
		}
		return all[0]
	}
	for name, change := range map[string]func(t *testing.T, w *harness.World, cmd *exec.Cmd){
		"region": func(_ *testing.T, _ *harness.World, cmd *exec.Cmd) {
			cmd.Env = append(cmd.Env, "AWS_REGION=eu-north-1")
		},
		"variable of ours": func(_ *testing.T, _ *harness.World, cmd *exec.Cmd) {
			cmd.Env = append(cmd.Env, "STS_HELPER_REGION=eu-north-1")
		},
		"another home": func(t *testing.T, w *harness.World, cmd *exec.Cmd) {
			cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+t.TempDir())
		},
		"verbose": func(_ *testing.T, _ *harness.World, cmd *exec.Cmd) {
			cmd.Env = append(cmd.Env, "STS_HELPER_VERBOSE=true")
		},
		"no cache": func(_ *testing.T, _ *harness.World, cmd *exec.Cmd) {
			cmd.Env = append(cmd.Env, "STS_HELPER_NO_CACHE=1")
		},
		"below another helper": func(_ *testing.T, _ *harness.World, cmd *exec.Cmd) {
			cmd.Env = append(cmd.Env, "STS_HELPER_CHAIN=0123")
		},
		"credentials edited": func(t *testing.T, w *harness.World, _ *exec.Cmd) {
			u := w.STS.AddUser(harness.Account, "bob")
			harness.Must(t, w.Write(".aws/credentials", fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", u.AccessKeyID, u.SecretAccessKey)))
		},
		"config edited": func(t *testing.T, w *harness.World, _ *exec.Cmd) {
			harness.Must(t, w.Write(".aws/config", "[profile base]\nregion = eu-south-1\n"))
		},
		"our config made": func(t *testing.T, w *harness.World, _ *exec.Cmd) {
			harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.default]\nregion = \"eu-south-1\"\n"))
		},
		"another program": func(t *testing.T, _ *harness.World, cmd *exec.Cmd) {
			cmd.Path = harness.Upgrade(t) // args[0] stays
		},
		"record removed":  func(t *testing.T, w *harness.World, _ *exec.Cmd) { harness.Must(t, os.Remove(record(t, w))) },
		"record damaged":  func(t *testing.T, w *harness.World, _ *exec.Cmd) { harness.Must(t, os.Truncate(record(t, w), 700)) },
		"record readable": func(t *testing.T, w *harness.World, _ *exec.Cmd) { harness.Must(t, os.Chmod(record(t, w), 0o644)) },
		"record of another": func(t *testing.T, w *harness.World, _ *exec.Cmd) {
			mine := record(t, w)
			w.Creds(t, w.Run(t, "--source-profile", "base", "--duration", "5h"))
			all, _ := filepath.Glob(filepath.Join(w.Cache(), "v1", "*.cred"))
			for _, other := range all {
				if other != mine {
					harness.Must(t, os.Rename(other, mine))
				}
			}
		},
		"cache open to others": func(t *testing.T, w *harness.World, _ *exec.Cmd) { harness.Must(t, os.Chmod(w.Cache(), 0o755)) },
		"note damaged": func(t *testing.T, w *harness.World, _ *exec.Cmd) {
			all, _ := filepath.Glob(filepath.Join(w.Cache(), "v1", "*.direct"))
			if len(all) != 1 {
				t.Fatal(all)
			}
			harness.Must(t, os.Truncate(all[0], 100))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			w.Creds(t, w.Run(t, args...))
			if r, direct := w.Directly(t, w.Command(t, args...)); !direct || r.Code != 0 {
				t.Fatalf("not answered directly to begin with: exit %d, %q", r.Code, r.Stderr)
			}
			cmd := w.Command(t, args...)
			change(t, w, cmd)
			got, direct := w.Directly(t, cmd)
			if direct {
				t.Fatal("answered directly all the same")
			}
			again := exec.Command(cmd.Path, args...)
			again.Env, again.Dir = append(cmd.Env, "STS_HELPER_NO_DIRECT=1"), cmd.Dir
			if want := w.Finish(t, again); name != "no cache" && (got.Code != want.Code || got.Stdout != want.Stdout) {
				t.Errorf("exit %d, without direct answers %d", got.Code, want.Code)
			}
		})
	}
}

func TestDirectAnswerGoesByTheClock(t *testing.T) {
	m := harness.NewMovableWorld(t)
	args := []string{"--source-profile", "base", "--duration", "1h"}
	first := m.Run(t, args...)
	for _, tc := range []struct {
		at     time.Duration
		direct bool
	}{{harness.Fresh, true}, {harness.Due, false}} {
		m.At(t, tc.at)
		r, direct := m.World.Directly(t, m.Command(t, args...))
		if direct != tc.direct || r.Code != 0 || (r.Stdout == first.Stdout) != tc.direct {
			t.Errorf("at %s: direct %v, exit %d", tc.at, direct, r.Code)
		}
	}
}

// A relative name belongs to the directory the line was run in.
func TestDirectAnswerKnowsItsDirectory(t *testing.T) {
	w := harness.NewWorld(t)
	for _, dir := range []string{"one", "two"} {
		harness.Must(t, w.Write(dir+"/policy.json", fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:%s*","Resource":"*"}}`, dir)))
	}
	args := []string{"--source-profile", "base", "--federation-name", "carol", "--policy", "policy.json"}
	in := func(dir string) (harness.Document, bool) {
		cmd := w.Command(t, args...)
		cmd.Dir = filepath.Join(w.Dir, dir)
		r, direct := w.Directly(t, cmd)
		return w.Creds(t, r), direct
	}
	one, _ := in("one")
	if again, direct := in("one"); !direct || again != one {
		t.Errorf("direct %v", direct)
	}
	two, direct := in("two")
	if direct || two == one {
		t.Fatal("one directory's answer in another")
	}
	if id, _ := w.STS.Lookup(two.AccessKeyId); !strings.Contains(id.Policy, "ec2:two") {
		t.Errorf("%+v", id)
	}
}
