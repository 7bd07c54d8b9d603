package serve_test

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// A user who has only an AWS profile that runs this program can serve it by its name, as can
// a user who has only a profile with keys.
func TestServeOfAnAWSProfile(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	harness.Must(t, w.Write(".aws/config", "[profile dev]\ncredential_process = sts-helper --source-profile base --duration 2h\nregion = eu-west-1\n"))
	s := w.Serve(t, "--profile", "dev", "--imds", "dev")
	id := s.Creds(t, "dev")
	if got, _ := w.STS.Lookup(id); got.Expiration.Sub(got.Issued).Round(time.Second) != 2*time.Hour {
		t.Errorf("the life is %s", got.Expiration.Sub(got.Issued))
	}
	if a := s.Metadata(t, s.Session(t), harness.RolePath+"dev"); a.Status != 200 || !strings.Contains(a.Body, id) {
		t.Errorf("metadata: %d %.100q", a.Status, a.Body)
	}
	if d := w.Creds(t, w.Run(t, "--source-profile", "base", "--duration", "2h")); d.AccessKeyId != id {
		t.Error("the credential_process has another token")
	}
	if got := w.Serve(t, "--profile", "base").Creds(t, "base"); got == "" {
		t.Error("no credentials of the profile with keys")
	}
}

// The command that clients are told is the one that works for the name that was served.
func TestServeNamesTheLoginCommand(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	device := w.STS.AddMFADevice(w.User, "alice")
	harness.Must(t, w.Write(".aws/config", "[profile dev]\ncredential_process = sts-helper --source-profile base --mfa-serial "+device.SerialNumber+"\n"))
	s := w.Serve(t, "--profile", "dev")
	if a := s.Container(t, "dev"); a.Status != 400 || !strings.Contains(a.Body, "run: sts-helper login dev") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// Metadata has no secret: where users are not told apart it is served only where a flag permits it.
func TestServeIMDSForEveryUser(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	r := w.Run(t, "serve", "--listen", "127.0.0.1:0", "--source-profile", "base", "--imds", "default", "--no-uid-check")
	if r.Code != harness.ExitUsage || !strings.Contains(r.Stderr, "--imds-for-every-user") {
		t.Errorf("exit %d: %s", r.Code, r.Stderr)
	}
	s := w.Serve(t, "--source-profile", "base", "--imds", "default", "--no-uid-check", "--imds-for-every-user")
	if a := s.Metadata(t, s.Session(t), harness.RolePath); a.Status != 200 {
		t.Errorf("metadata: %d", a.Status)
	}
	if log := s.Log.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "every user of this machine") {
		t.Errorf("no warning in the log:\n%s", log)
	}
}

// The env-file names an address that the server answers to, also where it listens on all.
func TestServeOnEveryAddress(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	for _, on := range []string{"0.0.0.0:0", "[::]:0"} {
		s := w.Serve(t, "--source-profile", "base", "--listen", on, "--expose-credentials-to-the-network")
		if !strings.HasPrefix(s.Base, "http://127.0.0.1:") {
			t.Errorf("--listen %s: the env-file says %s", on, s.Base)
		}
		s.Creds(t, "default")
	}
	v6, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp6", "[::]:0")
	harness.Must(t, err)
	f, err := v6.(*net.TCPListener).File()
	harness.Must(t, err)
	defer func() { _ = f.Close() }()
	harness.Must(t, v6.Close())
	s := w.PrepareServer(t, "--source-profile", "base", "--expose-credentials-to-the-network", "--listen")
	args := s.Cmd.Args[:len(s.Cmd.Args)-1] // the socket is the only listener
	s.Cmd.Path, s.Cmd.Args = "/bin/sh", append([]string{"sh", "-c", `export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" "$@"`, s.Cmd.Path}, args[1:]...)
	s.Cmd.ExtraFiles = []*os.File{f}
	s.Begin(t)
	s.AwaitReady(t)
	if !strings.HasPrefix(s.Base, "http://[::1]:") {
		t.Errorf("IPv6 alone: the env-file says %s", s.Base)
	}
	s.Creds(t, "default")
}
