package sdk_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// server is a running "sts-helper serve" of one profile of a world.
type server struct {
	w       *world
	profile string
	listen  string
	extra   []string
	amiss   bool // the test asks for what is not there
	cmd     *exec.Cmd
	log     string // a file
	envFile string
	env     map[string]string
	ended   chan struct{}
}

// serve starts a server of an hour's token, and waits until it has written its env-file.
func (w *world) serve(t *testing.T, extra ...string) *server {
	t.Helper()
	w.entry(t)
	return w.serveProfile(t, "dev", extra...)
}

// entry writes the profile dev, for the hour's token, into config.toml.
func (w *world) entry(t *testing.T) {
	t.Helper()
	config := "[profile.dev]\nsource_profile = \"base\"\nduration = \"1h\"\nregion = \"" + region + "\"\n"
	if w.keys != "" {
		config += "credentials_file = \"" + w.keys + "\"\n"
	}
	harness.Must(t, w.Write(".config/sts-helper/config.toml", config))
}

// serveProfile is serve for any profile.
func (w *world) serveProfile(t *testing.T, profile string, extra ...string) *server {
	t.Helper()
	run := filepath.Join(w.Dir, "run")
	harness.Must(t, os.MkdirAll(run, 0o700))
	w.Env["XDG_RUNTIME_DIR"] = run
	s := &server{w: w, profile: profile, listen: "127.0.0.1:0", extra: extra, log: filepath.Join(w.Dir, "log"), envFile: filepath.Join(w.Dir, "serve.env")}
	s.start(t)
	t.Cleanup(func() {
		if s.ended != nil {
			s.stop(t)
		}
		b, _ := os.ReadFile(s.log)
		if strings.Contains(string(b), harness.Canary) {
			t.Errorf("a secret in the log:\n%s", b)
		}
		for line := range strings.Lines(string(b)) {
			if !s.amiss && strings.Contains(line, " status=404 ") {
				t.Errorf("a client asks for what is not there: %s", line)
			}
		}
		if t.Failed() {
			t.Logf("the server's log:\n%.4000s", b)
		}
	})
	return s
}

func (s *server) start(t *testing.T) {
	t.Helper()
	args := append([]string{"serve", "--profile", s.profile, "--imds", s.profile, "--listen", s.listen, "--env-file", s.envFile}, s.extra...)
	s.cmd = s.w.Command(context.WithoutCancel(t.Context()), args...)
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	harness.Must(t, err)
	defer log.Close()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	harness.Must(t, s.cmd.Start())
	ended := make(chan struct{})
	s.ended = ended
	go func() { _ = s.cmd.Wait(); close(ended) }()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		b, err := os.ReadFile(s.envFile)
		if err == nil {
			s.env = map[string]string{}
			for line := range strings.Lines(string(b)) {
				if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
					s.env[k] = strings.TrimSuffix(v, "/") // with the slash is a column of its own
				}
			}
			break
		}
		select {
		case <-ended:
			t.Fatal("the server ended")
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the server is not ready after 30 s")
		}
	}
	s.listen = strings.TrimPrefix(s.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"], "http://")
}

func (s *server) stop(t *testing.T) {
	t.Helper()
	harness.Must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-s.ended:
	case <-time.After(harness.Patience):
		t.Error("the server did not end after SIGTERM")
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	s.ended = nil
}

// container are a client's variables for the container endpoint, with the token in a file.
func (s *server) container() []string {
	return []string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + s.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + s.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"],
		"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region,
	}
}

// withToken is container with a token in the variable.
func (s *server) withToken(token string) []string {
	env := s.container()
	env[1] = "AWS_CONTAINER_AUTHORIZATION_TOKEN=" + token
	return env
}

// instance are a client's variables for the metadata endpoint.
func (s *server) instance(more ...string) []string {
	return append([]string{
		"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + s.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"],
		"AWS_EC2_METADATA_DISABLED=false",
	}, more...)
}

func inRegion() []string {
	return []string{"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region}
}

// asks runs a client once under these variables and no profile.
func (w *world) asks(t *testing.T, r *row, env []string) outcome {
	t.Helper()
	cmd := w.client(t, r, "")
	cmd.Env = append(cmd.Env, env...)
	if slices.Contains(env, enabled) {
		cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, enabled) })
	}
	return w.finish(t, r, cmd)
}

// noIdentity fails the test if a client succeeded, or came as far as to ask STS.
func (w *world) noIdentity(t *testing.T, r *row, o outcome) cell {
	t.Helper()
	if o.code == 0 {
		t.Errorf("it succeeded:\n%s", o.output)
	}
	if n := w.identities() - w.ids0; n != 0 {
		t.Errorf("it signed %d requests", n)
	}
	t.Logf("%s shows: %s", r.title, o.output)
	return w.exactly(t, w.cell(o.wall), 0, 0)
}

// endpointStory: the container endpoint and the metadata endpoint, one process each time.
func endpointStory(t *testing.T, r *row) {
	w := newWorld(t)
	s := w.serve(t)
	good := func(column string, env func() []string) {
		step(t, r, column, func(t *testing.T) cell {
			w.mark()
			o := w.asks(t, r, env())
			if r.cannot[column] != "" {
				return w.noIdentity(t, r, o)
			}
			w.isAlice(t, o)
			return w.exactly(t, w.cell(o.wall), 0, 0)
		})
	}
	good("tokenfile", s.container)
	good("token", func() []string {
		b, err := os.ReadFile(s.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
		harness.Must(t, err)
		return s.withToken(string(b))
	})
	step(t, r, "wrongtoken", func(t *testing.T) cell {
		w.mark()
		return w.noIdentity(t, r, w.asks(t, r, s.withToken("0123456789abcdef0123456789abcdef0123456789a")))
	})
	good("imds", func() []string { return s.instance(inRegion()...) })
	slash := []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + s.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] + "/"}
	good("slash", func() []string { return s.instance(append(inRegion(), slash...)...) })
	if r.cannot["imds"] == "" {
		slash = nil
	}
	good("v1off", func() []string {
		return s.instance(append(append(inRegion(), "AWS_EC2_METADATA_V1_DISABLED=true"), slash...)...)
	})
	step(t, r, "region", func(t *testing.T) cell {
		w.mark()
		o := w.asks(t, r, s.instance(slash...))
		if r.cannot["region"] == "" {
			w.isAlice(t, o)
		} else if last := w.lastIdentity(); o.code == 0 && last.Region == region {
			t.Error("it finds the region by now")
		}
		return w.exactly(t, w.cell(o.wall), 0, 0)
	})
	step(t, r, "away", func(t *testing.T) cell {
		env := s.container()
		s.stop(t)
		w.mark()
		return w.noIdentity(t, r, w.asks(t, r, env))
	})
}

// theAddress is held by the one test at a time that listens at 169.254.169.254, and theECSAddress by that at
// 169.254.170.2. Who needs both takes them in this order.
var (
	theAddress    sync.RWMutex
	theECSAddress sync.Mutex
)

// addressStory: the address that every SDK knows by heart, with nothing configured at all.
func addressStory(t *testing.T, r *row) {
	theAddress.Lock()
	defer theAddress.Unlock()
	step(t, r, "address", func(t *testing.T) cell {
		w := newWorld(t)
		w.serve(t, "--listen", "169.254.169.254:80", "--loopback-alias", "169.254.169.254")
		w.mark()
		o := w.asks(t, r, append(inRegion(), "AWS_EC2_METADATA_DISABLED=false"))
		w.isAlice(t, o)
		return w.exactly(t, w.cell(o.wall), 0, 0)
	})
}

// later is when an hour's token has ended, and with it every copy of it.
const later = 65 * time.Minute

// clientStory: a client that lives longer than its credentials, and what may happen to the
// server meanwhile.
func clientStory(t *testing.T, r *row) {
	if r.cli {
		return
	}
	for _, c := range []struct {
		column string
		env    func(*server) []string
		happen func(t *testing.T, w *world, s *server, c *lived)
	}{
		{"crefreshed", (*server).container, nil},
		{"irefreshed", func(s *server) []string { return s.instance(inRegion()...) }, nil},
		{"restarted", func(s *server) []string { return s.instance(inRegion()...) },
			func(t *testing.T, w *world, s *server, c *lived) {
				s.stop(t)
				w.at(t, later)
				s.start(t)
			}},
		{"suspended", func(s *server) []string { return s.instance(inRegion()...) },
			func(t *testing.T, w *world, s *server, c *lived) {
				for _, p := range []*os.Process{c.cmd.Process, s.cmd.Process} {
					harness.Must(t, p.Signal(syscall.SIGSTOP))
				}
				w.at(t, later)
				for _, p := range []*os.Process{s.cmd.Process, c.cmd.Process} {
					harness.Must(t, p.Signal(syscall.SIGCONT))
				}
			}},
	} {
		step(t, r, c.column, func(t *testing.T) cell {
			w := newMovable(t)
			s := w.serve(t)
			client := w.liveWith(t, r, "", c.env(s))
			w.isAlice(t, client.sign(t, 1))
			old := w.lastIdentity().AccessKeyID
			w.mark()
			if c.happen != nil {
				c.happen(t, w, s, client)
			} else {
				w.at(t, later)
			}
			o := client.sign(t, 1)
			w.isAlice(t, o)
			w.neverRefused(t)
			if w.lastIdentity().AccessKeyID == old {
				t.Error("it still signs with the old credentials")
			}
			return w.exactly(t, w.cell(o.wall), 0, 1)
		})
	}
}
