package serve_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// network is a network namespace of its own, with a mount namespace in which /run is empty,
// so that what containers do to networks, firewalls and runtime directories ends with it.
type network struct {
	pid string
	dir string
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	for _, tool := range []string{"unshare", "nsenter", "ip"} {
		harness.Need(t, tool)
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root to make namespaces")
	}
	n := &network{dir: t.TempDir()}
	var said harness.Output
	cmd := exec.Command("unshare", "--net", "--mount", "sh", "-c",
		"mount -t tmpfs tmpfs /run && mkdir /run/lock && ip link set lo up && echo ready && exec sleep 600")
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = 5 * time.Second // what was started inside may hold its output
	harness.Must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	harness.Await(t, "the namespace", func() bool { return strings.Contains(said.String(), "ready") })
	n.pid = fmt.Sprint(cmd.Process.Pid)
	return n
}

// enter makes cmd run inside.
func (n *network) enter(cmd *exec.Cmd) *exec.Cmd {
	cmd.Args = append([]string{"nsenter", "-t", n.pid, "-n", "-m", "--wd=" + n.dir, cmd.Path}, cmd.Args[1:]...)
	cmd.Path, _ = exec.LookPath("nsenter")
	return cmd
}

// sh runs a script inside and gives what it prints.
func (n *network) sh(t *testing.T, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	cmd := n.enter(exec.CommandContext(ctx, "/bin/sh", "-ec", script))
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// run runs a program inside with an environment of its own and gives its one line.
func (n *network) run(t *testing.T, env []string, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), harness.Patience) // it cleans up, too
	defer cancel()
	cmd := n.enter(exec.CommandContext(ctx, path, args...))
	cmd.WaitDelay = time.Second
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	out, _ := cmd.Output()
	return strings.TrimSpace(string(out))
}

// serveIn is a server inside the network. STS cannot be reached from there: the token comes
// from the cache, which is filled before.
func serveIn(t *testing.T, w *harness.World, n *network, args ...string) *harness.Server {
	t.Helper()
	s := w.PrepareServer(t, append([]string{"--source-profile", "base"}, args...)...)
	n.enter(s.Cmd)
	s.Begin(t)
	s.AwaitReady(t)
	return s
}

// podman runs containers inside a network, from an image of three static programs.
type podman struct {
	*network
	t    *testing.T
	base []string
}

func newPodman(t *testing.T, n *network) *podman {
	t.Helper()
	for _, tool := range []string{"podman", "runc", "slirp4netns", "iptables"} {
		harness.Need(t, tool)
	}
	p := &podman{network: n, t: t, base: []string{
		"podman", "--runtime", "runc", "--cgroup-manager=cgroupfs", "--events-backend=none", "--storage-driver=vfs",
		"--root", "/run/podman/root", "--runroot", "/run/podman/run", // short, as it has to be; gone with the namespace
	}}
	image := filepath.Join(n.dir, "image")
	harness.Must(t, os.MkdirAll(image, 0o755))
	for _, from := range []string{harness.Binary(t), harness.Program(t, "probe")} {
		b, err := os.ReadFile(from)
		harness.Must(t, err)
		harness.Must(t, os.WriteFile(filepath.Join(image, filepath.Base(from)), b, 0o755))
	}
	n.sh(t, fmt.Sprintf("tar -C %s -c . | %s import --quiet - test", image, strings.Join(p.base, " ")))
	return p
}

// run runs a container of the image and gives the one line it prints.
func (p *podman) run(options string, args ...string) string {
	p.t.Helper()
	return p.runImage("test", options, args...)
}

// runImage is run with another image.
func (p *podman) runImage(image, options string, args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), harness.Patience)
	defer cancel()
	line := append(append([]string{}, p.base[1:]...), "run", "--rm", "--ulimit", "nofile=1024:4096", "--ulimit", "nproc=1000:1000")
	line = append(append(append(line, strings.Fields(options)...), image), args...)
	path, err := exec.LookPath("podman")
	harness.Must(p.t, err)
	cmd := p.enter(exec.CommandContext(ctx, path, line...))
	cmd.WaitDelay = time.Second // what podman leaves behind may hold its output
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if len(out) == 0 {
		p.t.Errorf("podman run %s %q: %v\n%s", options, args, err, errs.String())
	}
	return strings.TrimSpace(string(out))
}

// Each way to connect a container to a network: those that share the machine's loopback
// and user get credentials, all others none.
func TestServeContainers(t *testing.T) {
	harness.OnlyLinux(t, "the kernel is asked whose a connection is")
	harness.Long(t, "starts containers")
	t.Parallel()
	w := harness.NewWorld(t)
	id := w.Creds(t, w.Run(t, "--source-profile", "base")).AccessKeyId
	n := newNetwork(t)
	p := newPodman(t, n)
	s := serveIn(t, w, n, "--imds", "default")
	slirp := serveIn(t, w, n, "--allow-host", "10.0.2.2")
	exposed := serveIn(t, w, n, "--listen", "0.0.0.0:0", "--expose-credentials-to-the-network")
	exposed.Base = "http://10.88.0.1:" + exposed.Port()
	tokenFile := s.Env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]
	mount := " -v " + filepath.Dir(tokenFile) + ":" + filepath.Dir(tokenFile) + ":ro "
	get := func(base string) []string { return []string{"/probe", "get", base + "/credentials/default", tokenFile} }
	at := func(host string, s *harness.Server) string { return "http://" + host + ":" + s.Port() }

	for _, tc := range []struct {
		name, options string
		args          []string
		want          string
	}{
		{"the machine's network", "--network host" + mount, get(s.Base), id},
		{"the machine's network, by the SDK", "--network host --env-file " + s.EnvFile + mount, []string{"/probe", "sdk"}, id + " by CredentialsEndpointProvider"},
		{"the machine's network, by IMDS", "--network host --env AWS_EC2_METADATA_SERVICE_ENDPOINT=" + s.Base, []string{"/probe", "sdk"}, id + " by EC2RoleProvider"},
		{"the machine's network, another user", "--network host --user 1000 --cap-add DAC_READ_SEARCH --env AWS_EC2_METADATA_SERVICE_ENDPOINT=" + s.Base, []string{"/probe", "get", s.Base + "/healthz"}, "reset"},
		{"no network", "--network none" + mount, get(s.Base), "refused"},
		{"bridge, its own loopback", "--network bridge" + mount, get(s.Base), "refused"},
		{"bridge, the gateway", "--network bridge" + mount, get(at("10.88.0.1", s)), "refused"},
		{"slirp4netns", "--network slirp4netns" + mount, get(at("10.0.2.2", s)), "unreachable"},
		{"slirp4netns with host loopback", "--network slirp4netns:allow_host_loopback=true" + mount, get(at("10.0.2.2", s)), "403"},
		{"slirp4netns with host loopback and its name allowed", "--network slirp4netns:allow_host_loopback=true" + mount, get(at("10.0.2.2", slirp)), id},
		{"slirp4netns with host loopback, no token", "--network slirp4netns:allow_host_loopback=true", []string{"/probe", "get", at("10.0.2.2", slirp) + "/credentials/default"}, "403"},
		{"bridge, exposed", "--network bridge" + mount, get(exposed.Base), id},
		{"bridge, exposed, no token", "--network bridge", []string{"/probe", "get", exposed.Base + "/credentials/default"}, "403"},
		{"bridge, exposed, metadata", "--network bridge", []string{"/probe", "get", exposed.Base + "/latest/" + harness.RolePath}, "404"},
	} {
		if got := p.run(tc.options, tc.args...); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// A server in a container of its own, whose network the others share: what compose calls
// network_mode: "service:...", podman and Kubernetes a pod. The token is in a volume.
func TestServeSidecar(t *testing.T) {
	harness.Long(t, "three containers")
	harness.OnlyLinux(t, "the kernel is asked whose a connection is")
	t.Parallel()
	w := harness.NewWorld(t)
	id := w.Creds(t, w.Run(t, "--source-profile", "base")).AccessKeyId
	n := newNetwork(t)
	p := newPodman(t, n)
	const user = 1000
	harness.Must(t, filepath.Walk(w.Dir, func(path string, _ os.FileInfo, err error) error {
		harness.Must(t, err)
		return os.Chown(path, user, user)
	}))
	started := p.run(fmt.Sprintf("--detach --name creds --network bridge --user %d -e HOME=/home/me -e AWS_ENDPOINT_URL_STS=%s -v %s/.aws:/home/me/.aws:ro -v %s:/home/me/.cache/sts-helper -v creds:/creds",
		user, w.STS.URL(), w.Dir, w.Cache()),
		"/sts-helper", "serve", "--source-profile", "base", "--imds", "default", "--token-file", "/creds/aws/token", "--env-file", "/creds/aws/env")
	defer p.sh(t, strings.Join(p.base, " ")+" rm --force --time 5 creds")
	if len(started) != 64 {
		t.Fatalf("the sidecar: %q", started)
	}
	volume := strings.TrimSpace(p.sh(t, strings.Join(p.base, " ")+" volume inspect --format {{.Mountpoint}} creds"))
	harness.Await(t, "the sidecar's env-file", func() bool {
		return n.run(t, nil, "/bin/ls", filepath.Join(volume, "aws", "env")) != ""
	})
	for name, tc := range map[string]struct{ options, want string }{
		"by variables": {"-v creds:/creds:ro -e AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9911/credentials/default -e AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/creds/aws/token",
			id + " by CredentialsEndpointProvider"},
		"by the env-file": {"-v creds:/creds:ro --env-file " + filepath.Join(volume, "aws", "env"), id + " by CredentialsEndpointProvider"},
		"by IMDS alone":   {"-e AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9911", id + " by EC2RoleProvider"},
	} {
		if got := p.run(fmt.Sprintf("--network container:creds --user %d %s", user, tc.options), "/probe", "sdk"); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if got := p.run(fmt.Sprintf("--network container:creds --user %d", user+1), "/probe", "get", "http://127.0.0.1:9911/healthz"); got != "reset" {
		t.Errorf("another user in the pod: %q", got)
	}
}

// In a volume that everybody may write to, as Kubernetes' emptyDir is, the token gets a
// directory of its own.
func TestServeInASharedVolume(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	volume := t.TempDir()
	harness.Must(t, os.Chmod(volume, 0o777))
	s := w.Serve(t, "--source-profile", "base", "--token-file", filepath.Join(volume, "aws", "token"))
	s.Creds(t, "default")
	if info, err := os.Stat(filepath.Join(volume, "aws")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the token's directory: %v, %v", info, err)
	}
}

// systemd's user units run in a user namespace that has a name for one user only.
func TestServeInAUserNamespace(t *testing.T) {
	harness.OnlyLinux(t, "the kernel is asked whose a connection is")
	t.Parallel()
	unshare := harness.Need(t, "unshare")
	setpriv := harness.Need(t, "setpriv")
	if os.Geteuid() != 0 {
		t.Skip("needs root to be another user")
	}
	w := harness.NewWorld(t)
	s := w.PrepareServer(t, "--source-profile", "base")
	s.Cmd.Args = append([]string{unshare, "--user", "--map-current-user"}, append([]string{w.Bin}, s.Cmd.Args[1:]...)...)
	s.Cmd.Path = unshare
	s.Begin(t)
	s.AwaitReady(t)
	s.Creds(t, "default")
	address := "/dev/tcp/" + strings.Replace(strings.TrimPrefix(s.Base, "http://"), ":", "/", 1)
	out, _ := exec.Command(setpriv, "--reuid=54321", "--regid=54321", "--clear-groups", "bash", "-c",
		"echo asked; exec 3<>"+address+" && printf 'GET /healthz HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n' >&3; cat <&3").Output()
	if string(out) != "asked\n" {
		t.Errorf("a user without a name there: %q", out)
	}
}

// Programs that know nothing but the well-known addresses find the server there, once the
// loopback device has them and the flag says so; no other on the network does.
func TestServeWellKnownAddresses(t *testing.T) {
	harness.Long(t, "network namespaces with every client")
	harness.OnlyLinux(t, "the kernel is asked whose a connection is")
	t.Parallel()
	w := harness.NewWorld(t)
	id := w.Creds(t, w.Run(t, "--source-profile", "base")).AccessKeyId
	n := newNetwork(t)
	listen := []string{"--imds", "default", "--listen", "169.254.169.254:80", "--listen", "169.254.170.2:80"}
	w.Env["XDG_RUNTIME_DIR"] = ""
	cmd := w.Command(t, append([]string{"serve", "--source-profile", "base"}, listen...)...)
	if r := w.Finish(t, n.enter(cmd)); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "--loopback-alias") {
		t.Errorf("without the flag: exit %d, %q", r.Code, r.Stderr)
	}
	n.sh(t, "ip addr add 169.254.169.254/32 dev lo; ip addr add 169.254.170.2/32 dev lo")
	s := serveIn(t, w, n, append(listen, "--loopback-alias", "169.254.169.254", "--loopback-alias", "169.254.170.2")...)
	probe := harness.Program(t, "probe")
	if got := n.run(t, nil, probe, "sdk"); got != id+" by EC2RoleProvider" {
		t.Errorf("an SDK with no configuration at all: %q", got)
	}
	env := []string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/credentials/default", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + s.Env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]}
	if got := n.run(t, env, probe, "sdk"); got != id+" by CredentialsEndpointProvider" {
		t.Errorf("an SDK as in an ECS task: %q", got)
	}
	// A bridged container reaches the address through the gateway; its packets come from
	// elsewhere.
	p := newPodman(t, n)
	if got := p.run("--network bridge", "/probe", "get", "http://169.254.169.254/healthz"); got != "reset" {
		t.Errorf("a bridged container: %q", got)
	}
}

// With route_localnet the kernel delivers what comes from the network for 127.0.0.1
// (CVE-2020-8558). It is refused for where it comes from.
func TestServeRouteLocalnet(t *testing.T) {
	harness.OnlyLinux(t, "the kernel is asked whose a connection is")
	t.Parallel()
	w := harness.NewWorld(t)
	w.Creds(t, w.Run(t, "--source-profile", "base"))
	n := newNetwork(t)
	stranger := newNetwork(t)
	metrics := harness.FreePort(t)
	s := serveIn(t, w, n, "--metrics-listen", metrics)
	n.sh(t, `ip link add here type veth peer name there netns `+stranger.pid+`
ip addr add 10.9.0.1/24 dev here; ip link set here up
echo 1 > /proc/sys/net/ipv4/conf/here/route_localnet`)
	stranger.sh(t, `ip addr add 10.9.0.2/24 dev there; ip link set there up; ip addr del 127.0.0.1/8 dev lo
echo 1 > /proc/sys/net/ipv4/conf/there/route_localnet; echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
ip route add 127.0.0.1/32 via 10.9.0.1 dev there src 10.9.0.2`)
	probe := harness.Program(t, "probe")
	get := func(url string, more ...string) string {
		return stranger.run(t, nil, probe, append([]string{"get", url}, more...)...)
	}
	// A reset, and no silence, shows that the stranger gets through to 127.0.0.1 at all.
	harness.Await(t, "the attack", func() bool { return get("http://"+metrics+"/metrics") == "reset" })
	if got := get(s.Base+"/credentials/default", s.Env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]); got != "reset" {
		t.Errorf("a stranger on the network: %q, want a reset connection", got)
	}
	harness.Await(t, "the reason in the log", func() bool { return strings.Contains(s.Log.String(), "guard=address") })
}
