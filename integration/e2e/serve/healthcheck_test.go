package serve_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// healthcheck ends with 0 for a server that has credentials, and with 1 for all else.
func TestHealthcheck(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	s := w.Serve(t, "--source-profile", "base", "--listen", "0.0.0.0:0", "--expose-credentials-to-the-network")
	port := s.Port()
	away := harness.FreePort(t) // an address
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	down := harness.NewWorld(t)
	down.STS.Fault(emulator.Fault{Kind: emulator.Deny})
	unavailable := down.PrepareServer(t, "--source-profile", "base")
	unavailable.Begin(t)
	harness.Await(t, "an address", func() bool { return strings.Contains(unavailable.Log.String(), "msg=listening") })
	_, rest, _ := strings.Cut(unavailable.Log.String(), "msg=listening address=")
	address, _, _ := strings.Cut(rest, "\n")
	for _, tt := range []struct {
		name, listen string
		args         []string
		code         int
		says         string
	}{
		{"ready", "", []string{"127.0.0.1:" + port}, 0, "ready"},
		{"the address that it listens on", "", []string{"0.0.0.0:" + port}, 0, "ready"},
		{"the variable of serve", "127.0.0.1:" + port + ",127.0.0.1:1", nil, 0, "ready"},
		{"the variable with blanks and line ends", "\n 127.0.0.1:" + port + " \n127.0.0.1:1\n", nil, 0, "ready"},
		{"no server there", "", []string{away}, 1, "does not answer"},
		{"another program", "", []string{strings.TrimPrefix(other.URL, "http://")}, 1, "is no sts-helper"},
		{"no credentials", "", []string{strings.Trim(address, "\" ")}, 1, "not ready"},
		{"no address", "", []string{"here"}, harness.ExitUsage, "127.0.0.1:9911"},
		{"two", "", []string{"a:1", "b:1"}, harness.ExitUsage, "ADDRESS"},
	} {
		w.Env["STS_HELPER_SERVE_LISTEN"] = tt.listen
		w.Env["http_proxy"] = "http://127.0.0.1:1" // not for this
		r := w.Run(t, append([]string{"healthcheck"}, tt.args...)...)
		if r.Code != tt.code || !strings.Contains(r.Stdout+r.Stderr, tt.says) {
			t.Errorf("%s: exit %d, %q, %q", tt.name, r.Code, r.Stdout, r.Stderr)
		}
	}
}
