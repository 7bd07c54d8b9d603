package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// programs builds commands of this module for tests, once each.
var programs = struct {
	sync.Mutex
	dir  string
	path map[string]string
}{path: map[string]string{}}

// program is the path of a command below integration/cmd.
func program(t testing.TB, name string) string {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	if programs.dir == "" {
		programs.dir = filepath.Join(filepath.Dir(binary), "programs")
	}
	if programs.path[name] == "" {
		path, err := harness.Build(programs.dir, "integration/cmd/"+name)
		must(t, err)
		programs.path[name] = path
	}
	return programs.path[name]
}

// output is what a running process has written so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// server is a running "sts-helper serve".
type server struct {
	w       *world
	cmd     *exec.Cmd
	log     *output
	envFile string
	env     map[string]string // of the env-file
	base    string            // http://127.0.0.1:PORT
	ended   chan struct{}
}

// serve starts a server with args and waits until it is ready. Unless the test ends it, it
// is ended with the test; no secret may be in its log.
func (w *world) serve(t testing.TB, args ...string) *server {
	t.Helper()
	s := w.prepare(t, args...)
	s.begin(t)
	s.ready(t)
	return s
}

// prepare is a server that was not started yet.
func (w *world) prepare(t testing.TB, args ...string) *server {
	t.Helper()
	run := filepath.Join(w.Dir, "run")
	must(t, os.MkdirAll(run, 0o700))
	w.Env["XDG_RUNTIME_DIR"] = run
	s := &server{w: w, log: &output{}, ended: make(chan struct{}), envFile: filepath.Join(t.TempDir(), "serve.env")}
	args = append([]string{"serve", "--env-file", s.envFile}, args...)
	if !strings.Contains(strings.Join(args, " "), "--listen") {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	s.cmd = w.Command(context.Background(), args...)
	return s
}

func (s *server) begin(t testing.TB) {
	t.Helper()
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.WaitDelay = 5 * time.Second
	must(t, s.cmd.Start())
	go func() { _ = s.cmd.Wait(); close(s.ended) }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGCONT)
		s.stop(t)
		if strings.Contains(s.log.String(), harness.Canary) {
			t.Errorf("a secret in the log:\n%s", s.log)
		}
		if t.Failed() {
			t.Logf("the server's log, requests left out:\n%.8000s", withoutRequests(s.log.String()))
		}
	})
}

func withoutRequests(log string) (rest string) {
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "msg=request ") {
			rest += line
		}
	}
	return rest
}

func (s *server) ready(t testing.TB) {
	t.Helper()
	within(t, 20*time.Second, "the env-file", func() bool {
		select {
		case <-s.ended:
			t.Fatalf("the server ended:\n%s", s.log)
		default:
		}
		b, err := os.ReadFile(s.envFile)
		s.env = assignments(string(b))
		return err == nil
	})
	for _, v := range s.env {
		if rest, ok := strings.CutPrefix(v, "http://"); ok {
			host, _, _ := strings.Cut(rest, "/")
			s.base = "http://" + host
		}
	}
}

func assignments(text string) map[string]string {
	env := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		env[name] = value
	}
	return env
}

// stop ends the server as a service manager does, and gives its exit code.
func (s *server) stop(t testing.TB) int {
	t.Helper()
	select {
	case <-s.ended:
		return s.cmd.ProcessState.ExitCode()
	default:
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.ended
		t.Error("the server did not end within 20 s of SIGTERM")
	}
	return s.cmd.ProcessState.ExitCode()
}

// within waits for something to become so.
func within(t testing.TB, limit time.Duration, what string, so func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !so() {
		if time.Since(start) > limit {
			t.Fatalf("%s: not within %s", what, limit)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(start)
}

// answer is one answer of the endpoint.
type answer struct {
	status int
	body   string
	header http.Header
}

// document reads credentials as container clients and IMDS clients do.
func (a answer) document(t testing.TB) (d struct {
	Code, AccessKeyId, SecretAccessKey, Token, Expiration, AccountId, RoleArn string
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &d); err != nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
	return d
}

var httpClient = &http.Client{
	Transport:     &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 64},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       15 * time.Second,
}

func (s *server) do(t testing.TB, method, url string, header ...string) answer {
	t.Helper()
	a, err := request(method, url, header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return a
}

func request(method, url string, header ...string) (answer, error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := httpClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(b), resp.Header}, err
}

// bearer is what the token file holds.
func (s *server) bearer(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(s.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
	must(t, err)
	return string(b)
}

// container asks the container path of a profile.
func (s *server) container(t testing.TB, name string) answer {
	t.Helper()
	return s.do(t, "GET", s.base+"/credentials/"+name, "Authorization", s.bearer(t))
}

// creds are the credentials of a profile, which must be there, whole and alive.
func (s *server) creds(t testing.TB, name string) (id string) {
	t.Helper()
	a := s.container(t, name)
	d := a.document(t)
	if a.status != 200 || !s.w.sts.Owns(d.AccessKeyId, d.SecretAccessKey, d.Token) {
		t.Fatalf("%d %.60q", a.status, a.body)
	}
	return d.AccessKeyId
}

// session gets an IMDSv2 session token.
func (s *server) session(t testing.TB) string {
	t.Helper()
	a := s.do(t, "PUT", s.base+"/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "21600")
	if a.status != 200 {
		t.Fatalf("no session token: %d %s", a.status, a.body)
	}
	return a.body
}

// metadata asks a path below /latest with a session token.
func (s *server) metadata(t testing.TB, session, path string) answer {
	t.Helper()
	return s.do(t, "GET", s.base+"/latest/"+path, "X-aws-ec2-metadata-token", session)
}

const rolePath = "meta-data/iam/security-credentials/"

// runSDK runs the AWS SDK with nothing but the variables given besides those of the home.
func (w *world) runSDK(t testing.TB, what string, env ...string) harness.Result {
	t.Helper()
	name, args, _ := strings.Cut(what, " ")
	cmd := exec.CommandContext(t.Context(), program(t, name), strings.Fields(args)...)
	cmd.Dir = w.Dir
	cmd.Env = append([]string{"HOME=" + filepath.Join(w.Dir, "nobody"), "AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL_STS=" + w.sts.URL()}, env...)
	r := harness.Finish(cmd)
	if err := r.Leaks(); err != nil {
		t.Error(err)
	}
	return r
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// proc reads a file of the server's in /proc.
func (s *server) proc(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.pid(), name))
	must(t, err)
	return string(b)
}
