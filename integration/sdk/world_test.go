package sdk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
)

// world is an STS and a user's home with a profile for each way to use the helper.
type world struct {
	*harness.Home
	sts   *emulator.Emulator
	user  *emulator.User
	phone *emulator.MFADevice

	s3   string // where the S3 is
	keys string // the file with the long-term key, where it is not ~/.aws/credentials

	clock                *harness.Clock // nil where the real time holds
	helper0              int
	calls0, ids0, asked0 int
	names                int
}

// newWorld makes a world in which the real time holds.
func newWorld(t testing.TB) *world { return makeWorld(t, false) }

// newMovable makes a world whose time the test moves: for the helper, STS and every SDK.
func newMovable(t testing.TB) *world { return makeWorld(t, true) }

func makeWorld(t testing.TB, movable bool) *world {
	t.Helper()
	e := emulator.New(emulator.World{})
	u := e.AddUser(account, "alice")
	phone := e.AddMFADevice(u, "phone")
	role := e.AddRole(account, "deploy")
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	bin := filepath.Join(binaries, "sts-helper")
	if movable {
		bin = filepath.Join(binaries, "clock", "sts-helper")
	}
	h, err := harness.NewHome(filepath.Join(t.TempDir(), "home"), bin, dated(t, e))
	harness.Must(t, err)
	w := &world{Home: h, sts: e, user: u, phone: phone}
	// The wrapper counts how often an SDK runs the helper.
	counted := filepath.Join(h.Dir, "counted")
	harness.Must(t, h.Write("counted", fmt.Sprintf("#!/bin/sh\necho run >> %s/runs\nexec %s \"$@\"\n", h.Dir, bin)))
	harness.Must(t, os.Chmod(counted, 0o700))
	var config strings.Builder
	for name, args := range map[string]string{
		"dev":     "--source-profile base --duration 1h",
		"short":   "--source-profile base --duration 15m",
		"fed":     "--source-profile base --federation-name bob --no-policy",
		"role":    "--source-profile base --role-arn " + role.ARN,
		"granted": "--granted pal",
		"broken":  "--source-profile nobody",
		"human":   "--source-profile base --mfa-serial " + phone.SerialNumber,
	} {
		fmt.Fprintf(&config, "[profile %s]\ncredential_process = %s %s\nregion = %s\n", name, counted, args, region)
	}
	harness.Must(t, h.Write(".aws/config", config.String()))
	harness.Must(t, h.Write(".aws/credentials", fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", u.AccessKeyID, u.SecretAccessKey)))
	h.Env["AWS_PAGER"] = ""
	w.s3 = newS3(t, e)
	h.Env["STS_HELPER_S3"] = w.s3
	if movable {
		w.clock, err = h.NewClock()
		harness.Must(t, err)
	}
	return w
}

// dated puts the emulator's own time into its answers: SDKs set their clock by the Date header.
func dated(t testing.TB, e *emulator.Emulator) string {
	target, err := url.Parse(e.URL())
	harness.Must(t, err)
	srv := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Set("Date", e.Now().UTC().Format(http.TimeFormat))
			return nil
		},
		ErrorLog: log.New(io.Discard, "", 0), // clients that went
	})
	t.Cleanup(srv.Close)
	return srv.URL
}

// at moves every clock to so much after the world's beginning.
func (w *world) at(t testing.TB, ahead time.Duration) {
	t.Helper()
	harness.Must(t, w.clock.Set(ahead))
	w.sts.SetNow(func() time.Time { return time.Now().Add(ahead) })
}

// mark begins to count anew.
func (w *world) mark() {
	w.helper0, w.calls0, w.ids0, w.asked0 = w.helpers(), w.calls(), w.identities(), len(w.sts.Requests())
}

// cell is what happened since mark: a cell that is good unless the test fails.
func (w *world) cell(wall time.Duration) cell {
	return cell{State: good, Helper: w.helpers() - w.helper0, STS: w.calls() - w.calls0, Wall: wall}
}

func (w *world) helpers() int {
	b, _ := os.ReadFile(filepath.Join(w.Dir, "runs"))
	return strings.Count(string(b), "\n")
}

// calls counts the requests for credentials that reached STS.
func (w *world) calls() int {
	return w.sts.Count("GetSessionToken") + w.sts.Count("AssumeRole") + w.sts.Count("GetFederationToken")
}

// client is the row's program in this world, with the profile ("" for none) and args.
func (w *world) client(t testing.TB, r *row, profile string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	t.Cleanup(cancel)
	argv := append(append([]string{}, r.argv...), args...)
	if r.id == "debian" {
		argv = append(argv, "--endpoint-url", w.Env["AWS_ENDPOINT_URL_STS"])
	}
	env := w.Environ()
	if w.clock != nil {
		if r.goClock {
			argv[0] = filepath.Join(filepath.Dir(argv[0]), "clock", filepath.Base(argv[0]))
		} else {
			env = append(env, "LD_PRELOAD="+clockLibrary())
		}
	}
	if profile != "" {
		env = append(env, "AWS_PROFILE="+profile)
		if r.id == "minio" { // it reads nothing of a profile but the keys
			env = append(env, "MINIO_REGION="+region)
		}
	}
	if r.brief { // where the region comes from is no question here
		env = append(env, inRegion()...)
	}
	if r.env != nil {
		env = append(env, r.env(w)...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = env, w.Dir
	// Without a terminal, wherever the tests were started from.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// answer is what a driver says; the CLI says the first two under names of its own.
type answer struct {
	ARN     string
	Account string
	Error   string
	MS      int64
}

// outcome is how one run of a client went.
type outcome struct {
	answer
	code   int
	output string // everything that its user sees
	wall   time.Duration
}

// finish runs a client that asks once and says what STS answered.
func finish(t testing.TB, cmd *exec.Cmd) outcome {
	t.Helper()
	o, stdout := toEnd(t, cmd)
	if err := json.Unmarshal([]byte(stdout), &o.answer); err != nil && o.code == 0 {
		t.Fatalf("not an answer: %v\n%s", err, o.output)
	}
	return o
}

// toEnd runs any client.
func toEnd(t testing.TB, cmd *exec.Cmd) (o outcome, stdout string) {
	t.Helper()
	r := harness.Finish(cmd)
	o = outcome{code: r.Code, output: r.Stdout + r.Stderr, wall: r.Wall}
	if strings.Contains(o.output, harness.Canary) {
		t.Errorf("a secret is shown:\n%s", o.output)
	}
	return o, r.Stdout
}

// finish runs a client of the row.
func (w *world) finish(t testing.TB, r *row, cmd *exec.Cmd) outcome {
	t.Helper()
	if r.s3 {
		o, _ := toEnd(t, cmd)
		return o
	}
	return finish(t, cmd)
}

func (w *world) run(t testing.TB, r *row, profile string) outcome {
	t.Helper()
	return w.finish(t, r, w.client(t, r, profile))
}

// newS3 is an S3 that judges by the same keys and the same clock. It has what the clients read.
func newS3(t testing.TB, e *emulator.Emulator) string {
	t.Helper()
	s := e.NewS3(region, "bucket")
	s.Put("bucket", "data.csv", []byte("name,value\nanswer,42\n"))
	s.Put("bucket", "data.asc", []byte("ncols 1\nnrows 1\nxllcorner 0\nyllcorner 0\ncellsize 1\n42\n"))
	s.Put("bucket", "table/_delta_log/00000000000000000000.json", []byte(deltaLog))
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return srv.URL
}

// deltaLog is an empty Delta table.
const deltaLog = `{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}
{"metaData":{"id":"5fba94ed-9794-4965-ba6e-6ee3c0d22af9","format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}","partitionColumns":[],"configuration":{},"createdTime":1700000000000}}
`

// fresh is a name that was not used before.
func (w *world) fresh() string {
	w.names++
	return fmt.Sprint("n", w.names)
}

// identities counts what proves an identity, or was to: questions who it is, and signed requests to S3.
func (w *world) identities() int {
	n := 0
	for _, q := range w.sts.Requests() {
		if q.Operation == "GetCallerIdentity" || q.Service == "s3" && q.AccessKeyID != "" {
			n++
		}
	}
	return n
}

// s3Requests are those that reached S3 since mark.
func (w *world) s3Requests() (all []emulator.Request) {
	for _, q := range w.sts.Requests()[w.asked0:] {
		if q.Service == "s3" {
			all = append(all, q)
		}
	}
	return all
}

// is fails the test unless the client was told, by an STS that verified its signature, that it
// is whom it should be: an ARN, or with a final slash the beginning of one.
func (w *world) is(t testing.TB, o outcome, arn string) {
	t.Helper()
	if o.code != 0 || o.Error != "" {
		t.Fatalf("exit %d\n%s%s", o.code, o.output, o.Error)
	}
	if o.ARN != arn && !(strings.HasSuffix(arn, "/") && strings.HasPrefix(o.ARN, arn)) || o.Account != account {
		t.Fatalf("it is %q in %q, want %q in %q", o.ARN, o.Account, arn, account)
	}
	last := w.lastIdentity()
	if last.Status != http.StatusOK || last.Region != region || !strings.HasPrefix(last.AccessKeyID, "ASIA") {
		t.Fatalf("STS was asked by %s in %q and answered %d", last.AccessKeyID, last.Region, last.Status)
	}
}

// isAlice is is for the user's own session.
func (w *world) isAlice(t testing.TB, o outcome) { t.Helper(); w.is(t, o, w.user.ARN) }

func (w *world) lastIdentity() (last emulator.Request) {
	for _, r := range w.sts.Requests() {
		if r.Operation == "GetCallerIdentity" {
			last = r
		}
	}
	return last
}

// never fails the test if any client was ever refused by STS: for example because it signed with
// credentials that had ended.
func (w *world) neverRefused(t testing.TB) {
	t.Helper()
	for _, r := range w.sts.Requests() {
		if r.Operation == "GetCallerIdentity" && r.Status != http.StatusOK {
			t.Errorf("STS refused %s: %d %s", r.AccessKeyID, r.Status, r.Code)
		}
	}
}
