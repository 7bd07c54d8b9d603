package systems_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// Instance metadata has no secret. On Windows it is refused, as long as the program does not ask whose connection it is;
// with the question built in it is served to this user's processes. This test itself is none that Windows knows of.
func TestInstanceMetadataOnWindows(t *testing.T) {
	onEach(t, func(t *testing.T, h *home) {
		if !h.windows {
			t.Skip("it is about Windows")
		}
		args := []string{"serve", "--profile", "dev", "--imds", "dev", "--listen", "127.0.0.1:0"}
		if r := h.run(t, args...); r.Code != harness.ExitUsage || !strings.HasPrefix(r.Stderr, "sts-helper: --imds: nothing tells users apart here, ") {
			t.Errorf("exit %d, %q", r.Code, r.Stderr)
		}
		if r := h.run(t, "serve", "--profile", "dev", "--ecs-address", "dev", "--listen", "127.0.0.1:0"); r.Code != harness.ExitUsage || strings.Count(r.Stderr, "\n") != 1 {
			t.Errorf("ECS's address: exit %d, %q", r.Code, r.Stderr)
		}
		address, log := served(t, h, append(args, "--imds-for-every-user")...)
		if a, err := harness.Request(http.MethodPut, "http://"+address+"/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60"); err != nil || a.Status != http.StatusOK {
			t.Errorf("for every user: %d, %v\n%s", a.Status, err, log)
		}
		own := h.command
		h.command = []string{own[0], filepath.Join(filepath.Dir(wineExe), "peercheck.exe")}
		address, log = served(t, h, args...)
		h.command = own
		if r := h.run(t, "healthcheck", address); r.Code != 0 {
			t.Errorf("a process of this user: exit %d, %q\n%s", r.Code, r.Stderr, log)
		}
		if a, err := harness.Request(http.MethodPut, "http://"+address+"/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60"); err == nil {
			t.Errorf("a process that is no one's: %d %q\n%s", a.Status, a.Body, log)
		}
		harness.Await(t, "a line of the log", func() bool { return strings.Contains(log.String(), "guard=peer") })
	})
}

// served starts a server, and gives the address at which it listens.
func served(t *testing.T, h *home, args ...string) (address string, log *harness.Output) {
	t.Helper()
	log, ended := h.serve(t, args...)
	harness.Await(t, "the server", func() bool {
		select {
		case <-ended:
			t.Fatalf("the server ended:\n%s", log)
		default:
		}
		_, rest, ok := strings.Cut(log.String(), "msg=listening address=")
		address, _, _ = strings.Cut(rest, "\n")
		return ok && address != ""
	})
	return address, log
}
