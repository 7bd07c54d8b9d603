package kubernetes

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// The manifests decode strictly, and say what the documents promise.
func TestManifests(t *testing.T) {
	t.Parallel()
	var all []Object
	for _, name := range []string{"namespace.yaml", "rbac.yaml", "daemonset.yaml"} {
		all = append(all, Objects(t, Packaging(t, "kubernetes/"+name), "sts-helper")...)
	}
	checkObjects(t, all)
	pod := Objects(t, Packaging(t, "kubernetes/pod.yaml"), "")[0].Object.(*core.Pod)
	checkPod(t, pod.Spec)
}

// checkObjects is what both recipes must have.
func checkObjects(t *testing.T, all []Object) {
	t.Helper()
	found := map[string]bool{}
	for _, o := range all {
		switch o := o.Object.(type) {
		case *rbac.ClusterRole:
			found["ClusterRole"] = true
			if len(o.Rules) != 1 || !slices.Equal(o.Rules[0].Verbs, []string{"create"}) || !slices.Equal(o.Rules[0].Resources, []string{"tokenreviews"}) || !slices.Equal(o.Rules[0].APIGroups, []string{"authentication.k8s.io"}) {
				t.Errorf("the agent may do %+v", o.Rules)
			}
		case *rbac.ClusterRoleBinding:
			found["ClusterRoleBinding"] = true
			if o.RoleRef.Name != "sts-helper" || len(o.Subjects) != 1 || o.Subjects[0].Name != "sts-helper" || o.Subjects[0].Namespace != "sts-helper" {
				t.Errorf("the binding: %+v", o)
			}
		case *core.ServiceAccount:
			found["ServiceAccount"] = true
		case *apps.DaemonSet:
			found["DaemonSet"] = true
			checkDaemonSet(t, o)
		}
	}
	if len(found) != 4 {
		t.Errorf("found only %v", found)
	}
}

func checkDaemonSet(t *testing.T, d *apps.DaemonSet) {
	t.Helper()
	s := d.Spec.Template.Spec
	if d.Namespace != "sts-helper" || !s.HostNetwork || s.ServiceAccountName != "sts-helper" || len(s.InitContainers) != 1 || len(s.Containers) != 1 {
		t.Fatalf("the DaemonSet: %+v", d)
	}
	if s.EnableServiceLinks == nil || *s.EnableServiceLinks {
		t.Error("Services of the namespace become variables of the agent, which refuses those that look like its own")
	}
	for _, c := range []struct {
		core.Container
		may core.Capability
	}{{s.InitContainers[0], "NET_ADMIN"}, {s.Containers[0], "NET_BIND_SERVICE"}} {
		x := c.SecurityContext
		if x == nil || x.Privileged != nil || x.AllowPrivilegeEscalation == nil || *x.AllowPrivilegeEscalation || x.ReadOnlyRootFilesystem == nil || !*x.ReadOnlyRootFilesystem ||
			!slices.Equal(x.Capabilities.Drop, []core.Capability{"ALL"}) || !slices.Equal(x.Capabilities.Add, []core.Capability{c.may}) {
			t.Errorf("%s may more than it needs: %+v", c.Name, x)
		}
	}
	agent := s.Containers[0]
	if agent.Env[0].Name != "STS_HELPER_SERVE_NODE_NAME" || agent.Env[0].ValueFrom.FieldRef.FieldPath != "spec.nodeName" {
		t.Errorf("the node's name: %+v", agent.Env[0])
	}
	mounted := map[string]bool{}
	for _, m := range agent.VolumeMounts {
		mounted[m.Name] = true
		if !m.ReadOnly && m.Name != "cache" {
			t.Errorf("%s can be written to", m.Name)
		}
	}
	for _, v := range s.Volumes {
		if !mounted[v.Name] {
			t.Errorf("%s is mounted nowhere", v.Name)
		}
	}
	// The program takes the arguments, in a place where it then finds no API server.
	for _, c := range []core.Container{agent, s.InitContainers[0]} {
		args := append(slices.Clone(c.Args), "--help")
		if out, err := exec.Command(harness.Binary(t), args...).CombinedOutput(); err != nil {
			t.Errorf("%q: %v\n%s", c.Args, err, out)
		}
	}
	if got := agent.ReadinessProbe.Exec.Command; !slices.Equal(got, []string{"/sts-helper", "healthcheck", "169.254.170.23:80"}) {
		t.Errorf("the probe: %q", got)
	}
}

// checkPod is what a pod needs, and what the document shows.
func checkPod(t *testing.T, s core.PodSpec) {
	t.Helper()
	c := s.Containers[0]
	if len(c.Env) != 2 || c.Env[0].Name != "AWS_CONTAINER_CREDENTIALS_FULL_URI" || c.Env[0].Value != "http://169.254.170.23/v1/credentials" || c.Env[1].Name != "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" {
		t.Errorf("the variables: %+v", c.Env)
	}
	p := s.Volumes[0].Projected.Sources[0].ServiceAccountToken
	if file := c.VolumeMounts[0].MountPath + "/" + p.Path; c.Env[1].Value != file || p.Audience != "sts-helper" {
		t.Errorf("%s for %s is not at %s", file, p.Audience, c.Env[1].Value)
	}
}

// The pod in docs/howto/kubernetes.md is that of packaging/kubernetes/pod.yaml.
func TestPodInTheDocument(t *testing.T) {
	t.Parallel()
	root, err := harness.Root()
	must(t, err)
	b, err := os.ReadFile(filepath.Join(root, "docs", "howto", "kubernetes.md"))
	must(t, err)
	_, page, _ := strings.Cut(string(b), "\n## A pod\n\n")
	page, _, _ = strings.Cut(page, "\n\n[")
	var inside struct {
		Env          []core.EnvVar      `json:"env"`
		VolumeMounts []core.VolumeMount `json:"volumeMounts"`
		Volumes      []core.Volume      `json:"volumes"`
	}
	must(t, yaml.UnmarshalStrict([]byte(page), &inside))
	checkPod(t, core.PodSpec{Volumes: inside.Volumes, Containers: []core.Container{{Env: inside.Env, VolumeMounts: inside.VolumeMounts}}})
}

// kustomize and Helm make the same, and the real API server takes it.
func TestRecipes(t *testing.T) {
	t.Parallel()
	cluster := realServer(t)
	root, err := harness.Root()
	must(t, err)
	cmd := exec.Command(filepath.Join(os.Getenv(programsVariable), "kustomize"), "build", "kubernetes")
	cmd.Dir = filepath.Join(root, "packaging")
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	must(t, err)
	kustomize := Objects(t, string(out), "")
	helm := Objects(t, helmOf(t, "pods:\n  shop/web: web\nconfig: |\n"+indented(Packaging(t, "kubernetes/config.toml"))), "")
	more := Objects(t, helmOf(t, `pods:
  shop/web: web
config: "# none"
ipv6: true
extraArgs: [--log-level=warn]
imagePullSecrets: [{name: x}]
extraEnv: [{name: STS_HELPER_ROLE_SESSION_NAME, value: node}]
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]
`), "")
	for _, all := range [][]Object{kustomize, helm, more} {
		checkObjects(t, all)
		for _, o := range all {
			cluster.Apply(t, o.Path, o.Object)
		}
	}
	of := func(all []Object) map[string]string {
		m := map[string]string{}
		for _, o := range all {
			switch x := o.Object.(type) {
			case *core.Namespace: // Helm makes it by --create-namespace
			case *core.ConfigMap:
				if x.Data["config.toml"] == "" || !strings.Contains(x.Data["pods"], "shop/web web\n") && !strings.Contains(x.Data["pods"], "shop/web  web\n") {
					t.Errorf("the ConfigMap: %+v", x.Data)
				}
			default:
				b, err := yaml.Marshal(x)
				must(t, err)
				m[o.Path+"/"+o.Object.GetName()] = string(b)
			}
		}
		return m
	}
	a, b := of(kustomize), of(helm)
	for path, text := range a {
		if b[path] != text {
			t.Errorf("%s differs.\nkustomize:\n%s\nHelm:\n%s", path, text, b[path])
		}
	}
	if len(a) != len(b) {
		t.Errorf("kustomize makes %d objects, Helm %d", len(a), len(b))
	}
}

// The chart has the version that is released next, or was last.
func TestChartVersion(t *testing.T) {
	t.Parallel()
	root, err := harness.Root()
	must(t, err)
	b, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	must(t, err)
	_, rest, _ := strings.Cut(string(b), "\n## ")
	var chart struct {
		Version string `json:"version"`
	}
	must(t, yaml.Unmarshal([]byte(Packaging(t, "helm/sts-helper/Chart.yaml")), &chart))
	if words := strings.Fields(rest); len(words) == 0 || chart.Version != words[0] {
		t.Errorf("Chart.yaml has version %s, and CHANGELOG.md begins with %.40q", chart.Version, rest)
	}
}
