package sdk_test

import (
	"context"
	"net"
	"net/http"
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

// installed are the rows that can be run; where CI is set that is all of them.
func installed(t *testing.T) (all []*row) {
	t.Helper()
	for _, r := range rows() {
		if r.missing() == "" {
			all = append(all, r)
		}
	}
	return all
}

// Fifty processes of every kind at once, with nothing in the cache: STS is asked once.
func TestFiftyProcessesOneCall(t *testing.T) {
	inside(t)
	slots <- struct{}{}
	defer func() { <-slots }()
	w := newWorld(t)
	kinds := installed(t)
	// The answer is late enough for the others to have come meanwhile.
	w.sts.Fault(emulator.Fault{Kind: emulator.Delay, Op: "GetSessionToken", Delay: 3 * time.Second})
	var wg sync.WaitGroup
	outcomes := make([]outcome, 50)
	for i := range outcomes {
		cmd := w.client(t, kinds[i%len(kinds)], "dev")
		wg.Go(func() { outcomes[i] = finish(t, cmd) })
	}
	wg.Wait()
	for i, o := range outcomes {
		if o.code != 0 || o.ARN != w.user.ARN {
			t.Errorf("%s: exit %d, %s", kinds[i%len(kinds)].title, o.code, o.output)
		}
	}
	if n := w.calls(); n != 1 {
		t.Errorf("STS was asked for credentials %d times, want once", n)
		for _, r := range w.sts.Requests() {
			if r.Operation != "GetCallerIdentity" {
				t.Logf("%+v", r)
			}
		}
	}
	w.neverRefused(t)
}

// botocore runs its helper on every use of credentials with less than 15 minutes left. A token
// with 20 minutes left is handed out as it is, and held.
func TestStormOfBotocore(t *testing.T) {
	inside(t)
	slots <- struct{}{}
	defer func() { <-slots }()
	r := rows()[slices.IndexFunc(rows(), func(r *row) bool { return r.id == "boto3" })]
	need(t, r.argv[0])
	w := newMovable(t)
	w.isAlice(t, w.run(t, r, "dev"))
	w.at(t, 40*time.Minute)
	c := w.live(t, r, "dev")
	w.mark()
	o := c.sign(t, many)
	w.isAlice(t, o)
	w.exactly(t, w.cell(o.wall), 1, 0)
}

// moto is another's idea of STS: an AKIA id, the same keys for everybody, microseconds in
// Expiration. The helper lives with it.
func TestMoto(t *testing.T) {
	inside(t)
	python := filepath.Join(tools, "python", "bin", "python")
	need(t, python)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	harness.Must(t, err)
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	moto := exec.CommandContext(ctx, python, "-m", "moto.server", "-H", "127.0.0.1", "-p", port)
	moto.Cancel = func() error { return moto.Process.Signal(syscall.SIGTERM) }
	moto.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "MOTO_ACCOUNT_ID=" + account}
	harness.Must(t, moto.Start())
	defer func() { cancel(); _ = moto.Wait() }()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if resp, err := http.Get("http://" + addr + "/moto-api/data.json"); err == nil {
			resp.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("moto does not answer")
		}
	}
	h, err := harness.NewHome(filepath.Join(t.TempDir(), "home"), filepath.Join(binaries, "sts-helper"), "http://"+addr)
	harness.Must(t, err)
	harness.Must(t, h.Write(".aws/credentials", "[base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARYwJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLE\nregion = us-east-1\n"))
	for name, args := range map[string][]string{
		"GetSessionToken":    {"--duration", "1h"},
		"AssumeRole":         {"--role-arn", "arn:aws:iam::" + account + ":role/deploy"},
		"GetFederationToken": {"--federation-name", "bob", "--allow", "ec2:DescribeImages"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--source-profile", "base", "--region", "us-east-1"}, args...)
			first := h.Run(ctx, args...)
			if first.Code != 0 || first.Stderr != "" {
				t.Fatalf("exit %d, %q", first.Code, first.Stderr)
			}
			if !strings.HasPrefix(first.Stdout, `{"Version":1,`) || !strings.Contains(first.Stdout, `"SessionToken"`) {
				t.Fatalf("no document: %s", first.Stdout)
			}
			if again := h.Run(ctx, args...); again.Stdout != first.Stdout {
				t.Errorf("not shared: %q, %q", again.Stdout, again.Stderr)
			}
		})
	}
}
