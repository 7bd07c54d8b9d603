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
		own := h.command
		h.command = []string{own[0], filepath.Join(filepath.Dir(wineExe), "peercheck.exe")}
		log, ended := h.serve(t, args...)
		address := ""
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
