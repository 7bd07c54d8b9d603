package serve_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

const ecsURL = "http://169.254.170.2/credentials/default"

// ecsNetwork is a network that has ECS's address, and in it a server that answers there.
func ecsNetwork(t *testing.T, args ...string) (n *network, s *harness.Server, id, probe string) {
	t.Helper()
	w := harness.NewWorld(t)
	id = w.Creds(t, w.Run(t, "--source-profile", "base")).AccessKeyId
	n = newNetwork(t)
	n.sh(t, "ip addr add 169.254.170.2/32 dev lo")
	s = serveIn(t, w, n, append(args, "--ecs-address", "default")...)
	// Another user must be able to run it.
	harness.Must(t, os.Chmod(filepath.Dir(n.dir), 0o755))
	harness.Must(t, os.Chmod(n.dir, 0o755))
	probe = filepath.Join(n.dir, "probe")
	// By a program of its own: what this process writes could not be run while another test starts
	// a program, which has the file open for a moment (ETXTBSY).
	harness.Must(t, exec.Command("install", "-m", "755", harness.Program(t, "probe"), probe).Run())
	return n, s, id, probe
}

// At ECS's address the one profile is answered without a token, to the server's user outside of containers, and to
// no other.
func TestServeECSAddress(t *testing.T) {
	harness.OnlyLinux(t, "the kernel is asked whose a connection is")
	t.Parallel()
	metrics := harness.FreePort(t)
	n, s, id, probe := ecsNetwork(t, "--metrics-listen", metrics)
	metrics = " get http://" + metrics + "/metrics"
	if got := s.Env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]; got != "/credentials/default" {
		t.Errorf("the env-file has %q", got)
	}
	if got := n.run(t, []string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/credentials/default"}, probe, "sdk"); got != id+" by CredentialsEndpointProvider" {
		t.Errorf("the SDK: %q", got)
	}
	for name, tc := range map[string]struct {
		line string
		want string
	}{
		"without a token":            {probe + " get " + ecsURL, id},
		"with any token":             {probe + " get " + ecsURL + " - Authorization=whatever", id},
		"another profile":            {probe + " get http://169.254.170.2/credentials/other", "404"},
		"instance metadata":          {probe + " get http://169.254.170.2/latest/meta-data/", "404"},
		"the other listener":         {probe + " get " + s.Base + "/credentials/default", "403"},
		"another user":               {"setpriv --reuid 1000 --regid 1000 --clear-groups " + probe + " get " + ecsURL, "reset"},
		"the metrics":                {probe + metrics, "200"},
		"another user's metrics":     {"setpriv --reuid 1000 --regid 1000 --clear-groups " + probe + metrics, "reset"},
		"a web page":                 {probe + " get " + ecsURL + " - Origin=http://evil.example", "403"},
		"another host name":          {probe + " get " + ecsURL + " - Host=rebound.example", "403"},
		"a proxy":                    {probe + " get " + ecsURL + " - X-Forwarded-For=10.0.0.1", "403"},
		"a container of our user":    {"unshare --user --map-root-user --mount " + probe + " get " + ecsURL, "reset"},
		"a mount namespace of ours":  {"unshare --mount " + probe + " get " + ecsURL, "reset"},
		"a user namespace of ours":   {"unshare --user --map-root-user " + probe + " get " + ecsURL, "reset"},
		"a container with the token": {"unshare --user --map-root-user --mount " + probe + " get " + s.Base + "/credentials/default " + s.Env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"], id},
	} {
		if got := strings.TrimSpace(n.sh(t, tc.line+" || true")); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// Containers of the server's own user have no uid to be told apart by: with the machine's network, and by
// slirp4netns, which connects for them as that user.
func TestServeECSContainers(t *testing.T) {
	harness.OnlyLinux(t, "the kernel is asked whose a connection is")
	harness.Long(t, "starts containers")
	t.Parallel()
	n, s, id, _ := ecsNetwork(t)
	p := newPodman(t, n)
	tokenFile := s.Env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]
	mount := " -v " + filepath.Dir(tokenFile) + ":" + filepath.Dir(tokenFile) + ":ro "
	for _, tc := range []struct {
		name, options string
		args          []string
		want          string
	}{
		{"the machine's network", "--network host", []string{"/probe", "get", ecsURL}, "reset"},
		{"the machine's network, with the token", "--network host" + mount, []string{"/probe", "get", s.Base + "/credentials/default", tokenFile}, id},
		{"slirp4netns with host loopback", "--network slirp4netns:allow_host_loopback=true", []string{"/probe", "get", ecsURL}, "reset"},
		{"bridge", "--network bridge", []string{"/probe", "get", ecsURL}, "reset"},
	} {
		if got := p.run(tc.options, tc.args...); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// Where it cannot be kept, the address is refused before anything listens.
func TestServeECSRefused(t *testing.T) {
	harness.OnlyLinux(t, "the kernel is asked whose a connection is")
	t.Parallel()
	w := harness.NewWorld(t)
	n := newNetwork(t)
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\n[profile.ci]\nsource_profile = \"base\"\n"))
	without := func(args ...string) harness.Result {
		cmd := w.Command(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--ecs-address"}, args...)...)
		n.enter(cmd)
		return harness.Finish(cmd)
	}
	if r := without("dev", "--profile", "dev"); r.Code != 2 || !strings.Contains(r.Stderr, "ip addr add 169.254.170.2/32 dev lo") {
		t.Errorf("without the address: %d %s", r.Code, r.Stderr)
	}
	n.sh(t, "ip addr add 169.254.170.2/32 dev lo")
	for says, args := range map[string][]string{
		"nothing tells users apart":    {"dev", "--profile", "dev", "--no-uid-check"},
		"is not one of the profiles":   {"other", "--profile", "dev"},
		"\"ci\" is not one of the pro": {"ci", "--imds", "ci", "--profile", "dev"},
	} {
		if r := without(args...); r.Code != 2 || !strings.Contains(r.Stderr, says) {
			t.Errorf("%q: %d %s", args, r.Code, r.Stderr)
		}
	}
}
