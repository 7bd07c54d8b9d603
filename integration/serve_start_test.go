package integration_test

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// Whoever has only an AWS profile that runs this program can serve it by its name, as can
// whoever has only a profile with keys.
func TestServeOfAnAWSProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.Write(".aws/config", "[profile dev]\ncredential_process = sts-helper --source-profile base --duration 2h\nregion = eu-west-1\n"))
	s := w.serve(t, "--profile", "dev", "--imds", "dev")
	id := s.creds(t, "dev")
	if got, _ := w.sts.Lookup(id); got.Expiration.Sub(got.Issued).Round(time.Second) != 2*time.Hour {
		t.Errorf("the life is %s", got.Expiration.Sub(got.Issued))
	}
	if a := s.metadata(t, s.session(t), rolePath+"dev"); a.status != 200 || !strings.Contains(a.body, id) {
		t.Errorf("metadata: %d %.100q", a.status, a.body)
	}
	if d := w.creds(t, w.run(t, "--source-profile", "base", "--duration", "2h")); d.AccessKeyId != id {
		t.Error("the credential_process has another token")
	}
	if got := w.serve(t, "--profile", "base").creds(t, "base"); got == "" {
		t.Error("no credentials of the profile with keys")
	}
}

// The command that clients are told is the one that works for the name that was served.
func TestServeTellsTheLoginCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	device := w.sts.AddMFADevice(w.user, "alice")
	must(t, w.Write(".aws/config", "[profile dev]\ncredential_process = sts-helper --source-profile base --mfa-serial "+device.SerialNumber+"\n"))
	s := w.serve(t, "--profile", "dev")
	if a := s.container(t, "dev"); a.status != 400 || !strings.Contains(a.body, "run: sts-helper login dev") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Metadata has no secret: where users are not told apart it is served only to whoever says so.
func TestServeIMDSForEveryUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.run(t, "serve", "--listen", "127.0.0.1:0", "--source-profile", "base", "--imds", "default", "--no-uid-check")
	if r.Code != exitUsage || !strings.Contains(r.Stderr, "--imds-for-every-user") {
		t.Errorf("exit %d: %s", r.Code, r.Stderr)
	}
	s := w.serve(t, "--source-profile", "base", "--imds", "default", "--no-uid-check", "--imds-for-every-user")
	if a := s.metadata(t, s.session(t), rolePath); a.status != 200 {
		t.Errorf("metadata: %d", a.status)
	}
	if log := s.log.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "every user of this machine") {
		t.Errorf("no warning in the log:\n%s", log)
	}
}

// The env-file names an address that the server answers to, also where it listens on all.
func TestServeOnEveryAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, on := range []string{"0.0.0.0:0", "[::]:0"} {
		s := w.serve(t, "--source-profile", "base", "--listen", on, "--expose-credentials-to-the-network")
		if !strings.HasPrefix(s.base, "http://127.0.0.1:") {
			t.Errorf("--listen %s: the env-file says %s", on, s.base)
		}
		s.creds(t, "default")
	}
	v6, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp6", "[::]:0")
	must(t, err)
	f, err := v6.(*net.TCPListener).File()
	must(t, err)
	defer func() { _ = f.Close() }()
	must(t, v6.Close())
	s := w.prepare(t, "--source-profile", "base", "--expose-credentials-to-the-network", "--listen")
	args := s.cmd.Args[:len(s.cmd.Args)-1] // the socket is the only listener
	s.cmd.Path, s.cmd.Args = "/bin/sh", append([]string{"sh", "-c", `export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" "$@"`, s.cmd.Path}, args[1:]...)
	s.cmd.ExtraFiles = []*os.File{f}
	s.begin(t)
	s.ready(t)
	if !strings.HasPrefix(s.base, "http://[::1]:") {
		t.Errorf("IPv6 alone: the env-file says %s", s.base)
	}
	s.creds(t, "default")
}
