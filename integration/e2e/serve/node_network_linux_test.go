package serve_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/integration/kubernetes"
)

const (
	nodeAddress = "169.254.170.23:80"
	nodeURL     = "http://169.254.170.23/v1/credentials"
	audience    = "sts-helper"
)

// inside runs do with this thread in the network, so that sockets which do makes are there.
func (n *network) inside(t testing.TB, do func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	harness.Must(t, err)
	defer func() { _ = own.Close() }()
	other, err := os.Open("/proc/" + n.pid + "/ns/net")
	harness.Must(t, err)
	defer func() { _ = other.Close() }()
	harness.Must(t, unix.Setns(int(other.Fd()), unix.CLONE_NEWNET))
	defer func() { harness.Must(t, unix.Setns(int(own.Fd()), unix.CLONE_NEWNET)) }()
	do()
}

// node is a Kubernetes node with an agent: a network with the agent's address, and beside it one of pods, in which every
// address of 10.8.0.0/16 is a pod's.
type node struct {
	*harness.Server
	world   *harness.World
	net     *network
	pods    *network
	cluster kubernetes.Cluster
	roles   map[string]*emulator.Role // by profile
	rules   string
}

// newNode starts the agent of node-1 with three profiles, each a role that the node's own web identity token gets.
func newNode(t *testing.T, cluster func(*network) kubernetes.Cluster, args ...string) *node {
	t.Helper()
	return newNodeWith(t, cluster, (*node).configure, args...)
}

// newNodeWith is newNode with settings that configure writes.
func newNodeWith(t *testing.T, cluster func(*network) kubernetes.Cluster, configure func(*node, *testing.T), args ...string) *node {
	t.Helper()
	n := prepareNode(t, cluster, configure)
	w := n.world
	address := n.net.enter(w.Command(t, "node-address", "--ipv6"))
	if r := harness.Finish(address); r.Code != 0 {
		t.Fatalf("node-address: %d %s", r.Code, r.Stderr)
	}
	n.Server = &harness.Server{World: w, Log: &harness.Output{}, Ended: make(chan struct{})}
	n.Cmd = n.net.enter(w.Home.Command(context.Background(), append([]string{"serve", "--node", "--node-pods", n.rules, "--node-service-account", n.cluster.Dir()}, args...)...))
	n.Begin(t)
	return n
}

// prepareNode is a node whose agent was not started yet.
func prepareNode(t *testing.T, cluster func(*network) kubernetes.Cluster, configure func(*node, *testing.T)) *node {
	t.Helper()
	n := &node{net: newNetwork(t), pods: newNetwork(t), roles: map[string]*emulator.Role{}}
	n.net.sh(t, "ip link add pods type veth peer name eth0 netns "+n.pods.pid+" && ip addr add 10.9.0.1/24 dev pods && ip addr add fd09::1/64 dev pods nodad && ip link set pods up")
	n.pods.sh(t, "ip addr add 10.9.0.2/24 dev eth0 && ip addr add fd09::2/64 dev eth0 nodad && ip link set eth0 up && ip route add default via 10.9.0.1 && ip route add default via fd09::1 && ip route add local 10.8.0.0/16 dev lo")
	n.net.sh(t, "ip route add 10.8.0.0/16 via 10.9.0.2")
	n.net.inside(t, func() { n.world = harness.NewWorld(t) })
	n.cluster = cluster(n.net)
	configure(n, t)
	w := n.world
	w.Env["KUBERNETES_SERVICE_HOST"], w.Env["KUBERNETES_SERVICE_PORT"] = n.cluster.Env()
	w.Env["STS_HELPER_SERVE_NODE_NAME"] = "node-1"
	w.Env["XDG_CONFIG_HOME"] = filepath.Join(w.Dir, ".config")
	return n
}

// configure writes the settings of a node: what a ConfigMap has.
func (n *node) configure(t *testing.T) {
	t.Helper()
	w := n.world
	p := w.STS.AddOIDCProvider(harness.Account, "https://oidc.example.com/cluster", "sts.amazonaws.com")
	identity := filepath.Join(w.Dir, "identity")
	harness.Must(t, os.WriteFile(identity, []byte(p.Token("system:serviceaccount:sts-helper:sts-helper", "sts.amazonaws.com", time.Now().Add(time.Hour))), 0o600))
	var config strings.Builder
	for _, name := range []string{"web", "batch", "db"} {
		n.roles[name] = w.STS.AddRole(harness.Account, "pods-"+name, emulator.Trust(p.ARN), emulator.TrustActions("sts:AssumeRoleWithWebIdentity"))
		fmt.Fprintf(&config, "[profile.%s]\nrole_arn = %q\nweb_identity_token_file = %q\nregion = \"eu-west-1\"\n", name, n.roles[name].ARN, identity)
	}
	harness.Must(t, w.Write(".config/sts-helper/config.toml", config.String()))
	n.rules = filepath.Join(w.Dir, "pods")
	n.writeRules(t, "# who gets what\nshop/web web\nshop/batch batch\nstore/web db\n")
}

func (n *node) writeRules(t *testing.T, text string) {
	t.Helper()
	harness.Must(t, os.WriteFile(n.rules+".new", []byte(text), 0o600))
	harness.Must(t, os.Rename(n.rules+".new", n.rules))
}

// awaitHealthy waits until the agent says it is ready, as a probe of Kubernetes asks.
func (n *node) awaitHealthy(t *testing.T) {
	t.Helper()
	harness.Await(t, "the agent", func() bool { return n.health(t) == "ready" })
}

// health is what the health check in the agent's own container prints.
func (n *node) health(t *testing.T) string {
	t.Helper()
	select {
	case <-n.Ended:
		t.Fatalf("the agent ended:\n%s", n.Log)
	default:
	}
	r := harness.Finish(n.net.enter(n.world.Command(t, "healthcheck", nodeAddress)))
	return strings.TrimSpace(r.Stdout)
}

// from is a client whose connections come from a pod's address in a network.
func from(t testing.TB, n *network, address string) *http.Client {
	t.Helper()
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, addr string) (c net.Conn, err error) {
		d := net.Dialer{}
		if address != "" {
			d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(address)}
		}
		n.inside(t, func() { c, err = d.DialContext(ctx, "tcp", addr) })
		return c, err
	}}}
}

// podAddress is the address of the pod with a number.
func podAddress(i int) string { return fmt.Sprintf("10.8.%d.%d", i/250, i%250+1) }
