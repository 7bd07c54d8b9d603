package sdk_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// hideKey takes the long-term key out of where every program reads it, as the README has it.
func (w *world) hideKey(t *testing.T, r *row) {
	t.Helper()
	w.keys = filepath.Join(w.Dir, ".config", "sts-helper", "base.keys")
	harness.Must(t, os.Rename(filepath.Join(w.Dir, ".aws", "credentials"), w.keys))
	config := strings.ReplaceAll(w.read(t, ".aws/config"), "--source-profile base", "--source-profile base --credentials-file "+w.keys)
	harness.Must(t, w.Write(".aws/config", config))
	if r.credentialsFile {
		harness.Must(t, w.Write(".aws/credentials", strings.ReplaceAll(config, "[profile ", "[")))
	}
}

// way is one column of the ways to credentials, for a row that may not know it.
func (w *world) way(t *testing.T, r *row, column string, helper, sts int, ask func() outcome) {
	t.Helper()
	step(t, r, column, func(t *testing.T) cell {
		w.mark()
		o := ask()
		if r.cannot[column] != "" {
			return w.noIdentity(t, r, o)
		}
		w.proves(t, r, o)
		return w.exactly(t, w.cell(o.wall), helper*max(r.starts, 1), sts)
	})
}

// alone keeps a row that asks 169.254.169.254 of itself apart from the one that has a server there.
func alone(t *testing.T) {
	theAddress.RLock()
	t.Cleanup(theAddress.RUnlock)
}

// proves fails the test unless a client reached STS, or S3, with a session of Alice's.
func (w *world) proves(t *testing.T, r *row, o outcome) {
	t.Helper()
	if !r.s3 {
		w.isAlice(t, o)
		return
	}
	if o.code != 0 {
		t.Fatalf("exit %d\n%s", o.code, o.output)
	}
	n := 0
	for _, q := range w.s3Requests() {
		switch {
		case q.Status == http.StatusOK && strings.HasPrefix(q.AccessKeyID, "ASIA"):
			n++
		case q.Status != http.StatusOK && q.Status != http.StatusNotFound:
			t.Errorf("S3 refused %s by %q in %q: %d %s", q.Operation, q.AccessKeyID, q.Region, q.Status, q.Code)
		}
	}
	if n == 0 {
		t.Fatalf("it did not ask S3 under a session\n%s", o.output)
	}
}

// waysStory: credential_process, and what its user reads where a human is needed.
func waysStory(t *testing.T, r *row) {
	alone(t)
	w := newWorld(t)
	w.hideKey(t, r)
	run := func() outcome { return w.run(t, r, "dev") }
	w.way(t, r, "cold", 1, 1, run)
	w.way(t, r, "warm", 1, 0, run)
	step(t, r, "human", func(t *testing.T) cell {
		w.mark()
		o := w.run(t, r, "human")
		if r.cannot["human"] != "" {
			return w.noIdentity(t, r, o)
		}
		return w.refused(t, r, o, "human", 8)
	})
}

// TestKeyInSight is why the key has a file of its own: a program that knows no credential_process signs with the first
// key that it finds, whatever profile it was given.
func TestKeyInSight(t *testing.T) {
	inside(t)
	if !withLong() {
		t.Skip("not run: Polars is in the nightly lane (make conformance-long)")
	}
	for _, r := range clients() {
		if r.id != "polars" {
			continue
		}
		need(t, r.argv[0])
		w := newWorld(t)
		w.mark()
		o := w.run(t, r, "dev")
		for _, q := range w.s3Requests() {
			if q.AccessKeyID != w.user.AccessKeyID {
				t.Errorf("it signs with %q", q.AccessKeyID)
			}
		}
		if len(w.s3Requests()) == 0 {
			t.Errorf("it did not ask\n%s", o.output)
		}
	}
}

// execStory: variables, for programs that know nothing else.
func execStory(t *testing.T, r *row) {
	alone(t)
	w := newWorld(t)
	w.hideKey(t, r)
	w.entry(t)
	w.way(t, r, "exec", 0, 1, func() outcome {
		cmd := w.client(t, r, "")
		argv := append([]string{w.Bin, "exec", "dev", "--"}, cmd.Args...)
		cmd.Path, cmd.Args = w.Bin, argv
		return w.finish(t, r, cmd)
	})
}

// portStory: both endpoints at a port of their own, by variables.
func portStory(t *testing.T, r *row) {
	alone(t)
	w := newWorld(t)
	w.hideKey(t, r)
	s := w.serve(t)
	w.way(t, r, "tokenfile", 0, 0, func() outcome { return w.asks(t, r, s.container()) })
	w.way(t, r, "token", 0, 0, func() outcome { return w.asks(t, r, s.withToken(s.token(t))) })
	w.way(t, r, "imds", 0, 0, func() outcome { return w.asks(t, r, s.instanceFor(r)) })
}

// builtInStory: the two addresses that clients have built in.
func builtInStory(t *testing.T, r *row) {
	theAddress.Lock()
	defer theAddress.Unlock()
	theECSAddress.Lock()
	defer theECSAddress.Unlock()
	w := newWorld(t)
	w.hideKey(t, r)
	s := w.serve(t, "--listen", "169.254.169.254:80", "--loopback-alias", "169.254.169.254", "--ecs-address", "dev")
	w.way(t, r, "address", 0, 0, func() outcome { return w.asks(t, r, append(inRegion(), enabled)) })
	w.way(t, r, "relative", 0, 0, func() outcome { return w.asks(t, r, s.relative(t)) })
}

// relativeStory is the second half of builtInStory for the SDKs of the matrix.
func relativeStory(t *testing.T, r *row) {
	theECSAddress.Lock()
	defer theECSAddress.Unlock()
	w := newWorld(t)
	s := w.serve(t, "--ecs-address", "dev")
	w.way(t, r, "relative", 0, 0, func() outcome { return w.asks(t, r, s.relative(t)) })
}

// instanceFor are the variables of a client that calls the endpoint by a name of its own.
func (s *server) instanceFor(r *row) []string {
	if r.imds == "" {
		return s.instance(append(inRegion(), enabled)...)
	}
	return append(inRegion(), r.imds+"="+s.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"], enabled)
}

// enabled takes back what the home says, altogether: JavaScript v2 takes every value, "false" too, for yes, and the
// CRT takes none for yes.
const enabled = "AWS_EC2_METADATA_DISABLED="

// relative is the variable of a client that asks at ECS's own address.
func (s *server) relative(t *testing.T) []string {
	t.Helper()
	const name = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
	if s.env[name] == "" {
		t.Fatalf("no %s in the env-file", name)
	}
	return append(inRegion(), name+"="+s.env[name])
}

// token is the bearer token itself.
func (s *server) token(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(s.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
	harness.Must(t, err)
	return string(b)
}
