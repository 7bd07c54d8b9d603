package serve_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"

	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/integration/kubernetes"
)

// The containers of packaging/kubernetes/daemonset.yaml, run by podman as the manifest says: the init container may
// change the network and the agent may listen on port 80, and that is all that either needs.
func TestNodeImage(t *testing.T) {
	harness.Long(t, "starts containers")
	t.Parallel()
	n := prepareNode(t, fast(t), (*node).configure)
	p := newPodman(t, n.net)
	licences := filepath.Join(n.net.dir, "licences")
	harness.Must(t, os.WriteFile(licences, nil, 0o644))
	p.buildImage(harness.Binary(t), licences, "sts-helper")

	volumes := map[string]string{"api": n.cluster.Dir()}
	for _, name := range []string{"config", "cache", "identity"} {
		volumes[name] = filepath.Join(n.net.dir, name)
		harness.Must(t, os.Mkdir(volumes[name], 0o755))
	}
	harness.Must(t, os.WriteFile(filepath.Join(volumes["identity"], "token"), []byte(n.world.Read(t, "identity")), 0o644))
	config := strings.ReplaceAll(n.world.Read(t, ".config/sts-helper/config.toml"), filepath.Join(n.world.Dir, "identity"), "/var/run/secrets/sts-helper/identity/token")
	var spec core.PodSpec
	for _, o := range kubernetes.Objects(t, kubernetes.Packaging(t, "kubernetes/daemonset.yaml"), "sts-helper") {
		spec = o.Object.(*apps.DaemonSet).Spec.Template.Spec
	}
	for _, v := range spec.Volumes {
		if v.Name == "config" {
			writeVolume(t, volumes["config"], v.ConfigMap.Items, map[string]string{"config.toml": config, "pods": "shop/web web\n"})
		}
	}
	host, port := n.cluster.Env()
	// options are podman's for a container, as the kubelet would have it.
	options := func(c core.Container) string {
		x := c.SecurityContext
		line := fmt.Sprintf("--network host --user %d --read-only --security-opt no-new-privileges -e KUBERNETES_SERVICE_HOST=%s -e KUBERNETES_SERVICE_PORT=%s -e AWS_ENDPOINT_URL_STS=%s", *x.RunAsUser, host, port, n.world.STS.URL())
		for _, name := range x.Capabilities.Drop {
			line += " --cap-drop " + string(name)
		}
		for _, name := range x.Capabilities.Add {
			line += " --cap-add " + string(name)
		}
		for _, v := range c.Env {
			if v.ValueFrom != nil {
				v.Value = "node-1"
			}
			line += " -e " + v.Name + "=" + v.Value
		}
		for _, m := range c.VolumeMounts {
			line += " -v " + volumes[m.Name] + ":" + m.MountPath
			if m.ReadOnly {
				line += ":ro"
			}
		}
		return line
	}
	podman := strings.Join(p.base, " ")
	init, agent := spec.InitContainers[0], spec.Containers[0]
	if out := p.sh(t, podman+" run --rm --ulimit nofile=1024:4096 --ulimit nproc=1000:1000 "+options(init)+" sts-helper "+strings.Join(init.Args, " ")+" 2>&1"); !strings.Contains(out, "169.254.170.23 is an address of the network device") {
		t.Fatalf("the init container: %q", out)
	}
	if started := p.runImage("sts-helper", "--detach --name agent "+options(agent), agent.Args...); len(started) != 64 {
		t.Fatalf("the agent: %q", started)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(n.net.run(t, nil, "/bin/sh", "-c", podman+" logs agent 2>&1 | tail -n 20"))
		}
		_ = n.net.run(t, nil, "/bin/sh", "-c", podman+" rm --force --time 5 agent")
	})
	harness.Await(t, "the agent's probe", func() bool {
		return n.net.run(t, nil, "/bin/sh", "-c", podman+" exec agent "+strings.Join(agent.ReadinessProbe.Exec.Command, " ")+" 2>/dev/null") == "ready"
	})
	n.cluster.Pod(t, "shop", "web", "web-1", "node-1")
	status, document, code := ask(t, from(t, n.pods, podAddress(1)), n.cluster.Token(t, "shop", "web", "web-1", audience, time.Hour))
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, code)
	}
	n.keyOf(t, document)
	// The kubelet brings another list.
	for _, v := range spec.Volumes {
		if v.Name == "config" {
			writeVolume(t, volumes["config"], v.ConfigMap.Items, map[string]string{"config.toml": config, "pods": "shop/batch batch\n"})
		}
	}
	n.cluster.Pod(t, "shop", "batch", "batch-1", "node-1")
	token := n.cluster.Token(t, "shop", "batch", "batch-1", audience, time.Hour)
	harness.Await(t, "the other list", func() bool {
		status, _, _ := ask(t, from(t, n.pods, podAddress(2)), token)
		return status == http.StatusOK
	})
	if records, _ := filepath.Glob(filepath.Join(volumes["cache"], "sts-helper", "*")); len(records) == 0 {
		t.Error("nothing is in the cache on the node")
	}
}

// writeVolume writes a ConfigMap as the kubelet does (k8s.io/kubernetes: pkg/volume/util/atomic_writer.go): into a folder of this
// version, to which a link is turned at once. The volume itself is writable for all.
func writeVolume(t *testing.T, dir string, items []core.KeyToPath, data map[string]string) {
	t.Helper()
	harness.Must(t, os.Chmod(dir, 0o777))
	version, err := os.MkdirTemp(dir, "..version")
	harness.Must(t, err)
	harness.Must(t, os.Chmod(version, 0o755))
	for _, item := range items {
		path := filepath.Join(version, item.Path)
		harness.Must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		harness.Must(t, os.WriteFile(path, []byte(data[item.Key]), 0o644))
		first, _, _ := strings.Cut(item.Path, "/")
		if err := os.Symlink(filepath.Join("..data", first), filepath.Join(dir, first)); !errors.Is(err, fs.ErrExist) {
			harness.Must(t, err)
		}
	}
	harness.Must(t, os.Symlink(filepath.Base(version), filepath.Join(dir, "..data_tmp")))
	harness.Must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
}
