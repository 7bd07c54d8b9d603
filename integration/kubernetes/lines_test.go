package kubernetes

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// flags are those of the commands that the documents have. TestCommandLinesOfTheCluster holds them to what each program
// says of itself.
var flags = map[string][]string{
	"kubectl apply": {"--kustomize"},
	"kubectl label": {"--overwrite"},
	"helm install":  {"--namespace", "--create-namespace", "--values"},
}

// own are the files that a line's reader has made.
var own = map[string]string{"values.yaml": "pods: {shop/web: web, shop/batch: batch}\n"}

// commandLines are those of the documents that are for a cluster, and how each begins: its program and command.
func commandLines(t *testing.T) (root string, lines, commands []string) {
	t.Helper()
	root, err := harness.Root()
	must(t, err)
	line := regexp.MustCompile("(?m)(?:^ {4,}|`)((?:kubectl|helm|kustomize) [^`\n]+)")
	must(t, fs.WalkDir(os.DirFS(root), "docs", func(path string, _ fs.DirEntry, err error) error {
		if !strings.HasSuffix(path, ".md") {
			return err
		}
		page, err := os.ReadFile(filepath.Join(root, path))
		for _, m := range line.FindAllStringSubmatch(string(page), -1) {
			lines = append(lines, m[1])
			commands = append(commands, strings.Join(strings.Fields(m[1])[:2], " "))
		}
		return err
	}))
	if len(lines) < 3 {
		t.Fatalf("only %q", lines)
	}
	return root, lines, commands
}

// Each command line for a cluster names files that are here, and flags that its program has.
func TestCommandLinesOfTheClusterAreRight(t *testing.T) {
	t.Parallel()
	root, lines, commands := commandLines(t)
	for i, line := range lines {
		known, ok := flags[commands[i]]
		if !ok {
			t.Errorf("%q: %s is not tried", line, commands[i])
		}
		for _, word := range strings.Fields(line)[2:] {
			flag, _, _ := strings.Cut(word, "=")
			switch _, made := own[word]; {
			case strings.HasPrefix(word, "-"):
				if !slices.Contains(known, flag) {
					t.Errorf("%q: %s has no %s that is known here", line, commands[i], flag)
				}
			case strings.Contains(word, "/") && !strings.Contains(word, "=") && !made:
				if _, err := os.Stat(filepath.Join(root, word)); err != nil {
					t.Errorf("%q: %v", line, err)
				}
			}
		}
	}
}

// client is a user of a cluster with kubectl and Helm, in a folder like a clone, with the files that the documents ask for.
type client struct {
	*Real
	dir string
}

func newClient(t *testing.T, cluster *Real, root string) *client {
	t.Helper()
	c := &client{cluster, t.TempDir()}
	must(t, os.Symlink(filepath.Join(root, "packaging"), filepath.Join(c.dir, "packaging")))
	for name, content := range own {
		write(t, filepath.Join(c.dir, name), []byte(content))
	}
	ca, err := os.ReadFile(filepath.Join(cluster.dir, "ca.crt"))
	must(t, err)
	write(t, filepath.Join(c.dir, "kubeconfig"), fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: admin}}]
clusters: [{name: here, cluster: {server: "https://%s:%s", certificate-authority-data: %s}}]
users: [{name: admin, user: {token: %s}}]
`, realHost, cluster.Ports[0], base64.StdEncoding.EncodeToString(ca), adminToken))
	return c
}

// run runs a line as it is typed.
func (c *client) run(t *testing.T, line string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), harness.Need(t, "sh"), "-c", line)
	cmd.Dir = c.dir
	cmd.Env = []string{"HOME=" + c.dir, "KUBECONFIG=" + filepath.Join(c.dir, "kubeconfig"), "PATH=" + c.Programs + ":/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "Warning:") {
		t.Errorf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// Each command line for a cluster does with the real programs and the real API server what the documents say.
func TestCommandLinesOfTheCluster(t *testing.T) {
	t.Parallel()
	root, lines, commands := commandLines(t)
	c := newClient(t, newEmpty(t, here(t)), root)
	for i, line := range lines {
		switch commands[i] {
		case "kubectl apply", "helm install": // one or the other, so each has a cluster of its own
			if i > 0 {
				c = newClient(t, newEmpty(t, here(t)), root)
			}
			c.run(t, line)
			c.installed(t, line)
		case "kubectl label":
			// A cluster that is stricter: it takes no pod of the agent before, and does after.
			c.run(t, "kubectl label --overwrite namespace sts-helper pod-security.kubernetes.io/enforce=baseline")
			if code, answer := c.agent(); code != http.StatusForbidden {
				t.Errorf("a pod of the agent: %d %s", code, answer)
			}
			c.run(t, line)
			if code, answer := c.agent(); code != http.StatusCreated {
				t.Errorf("a pod of the agent: %d %s", code, answer)
			}
		default:
			t.Errorf("%q: it is not known what it does", line)
		}
	}
	for command, known := range flags {
		program, _, _ := strings.Cut(command, " ")
		options := map[string]string{"kubectl": "kubectl options", "helm": "helm --help"}[program]
		help := c.run(t, command+" --help; "+options)
		for _, flag := range known {
			if !regexp.MustCompile(`\s` + flag + `[\s=,]`).MatchString(help) {
				t.Errorf("%s has no %s", command, flag)
			}
		}
	}
}

// installed looks whether the cluster has what a recipe makes.
func (c *client) installed(t *testing.T, line string) {
	t.Helper()
	for _, path := range []string{
		"/api/v1/namespaces/sts-helper/serviceaccounts/sts-helper", "/api/v1/namespaces/sts-helper/configmaps/sts-helper",
		"/apis/apps/v1/namespaces/sts-helper/daemonsets/sts-helper", "/apis/rbac.authorization.k8s.io/v1/clusterroles/sts-helper",
		"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/sts-helper",
	} {
		if code, answer := c.request(adminToken, http.MethodGet, path, nil); code != http.StatusOK {
			t.Errorf("%s: %s: %d %s", line, path, code, answer)
		}
	}
}

// agent makes a pod as the DaemonSet's controller would.
func (c *client) agent() (code int, answer []byte) {
	code, answer = c.request(adminToken, http.MethodGet, "/apis/apps/v1/namespaces/sts-helper/daemonsets/sts-helper", nil)
	var set apps.DaemonSet
	if code != http.StatusOK || json.Unmarshal(answer, &set) != nil {
		return code, answer
	}
	pod := core.Pod{TypeMeta: kind("Pod"), ObjectMeta: meta.ObjectMeta{Name: "agent"}, Spec: set.Spec.Template.Spec}
	return c.request(adminToken, http.MethodPost, "/api/v1/namespaces/sts-helper/pods", pod)
}
