package kubernetes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// block is the indented text below a heading of docs/serve.md that begins with a line.
func block(t *testing.T, heading, first string) []byte {
	t.Helper()
	root, err := harness.Root()
	harness.Must(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "serve.md"))
	harness.Must(t, err)
	_, text, found := strings.Cut(string(page), "\n### "+heading)
	_, text, begins := strings.Cut(text, "\n\n    "+first+"\n")
	if !found || !begins {
		t.Fatalf("docs/serve.md has no %q below %q", first, heading)
	}
	b := []byte(first + "\n")
	for line := range strings.Lines(text) {
		line, indented := strings.CutPrefix(line, "    ")
		if !indented {
			break
		}
		b = append(b, line...)
	}
	return b
}

// takes shows that the program takes a recipe's arguments, up to one that is wrong.
func takes(t *testing.T, args []string) {
	t.Helper()
	w := harness.NewWorld(t)
	if r := w.Run(t, append(slices.Clone(args), "--listen", "wrong")...); r.Code != harness.ExitUsage || !strings.Contains(r.Stderr, "--listen: ") {
		t.Errorf("%q: exit %d, %q", args, r.Code, r.Stderr)
	}
}

var isReady = []string{"CMD", "/sts-helper", "healthcheck"}

// What a client is told, and where the server writes the token.
const tokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

// The sidecar of a pod decodes strictly; others start when it is ready, and read the token where it writes it.
func TestSidecarOfAPod(t *testing.T) {
	var pod struct {
		Spec core.PodSpec `json:"spec"`
	}
	harness.Must(t, yaml.UnmarshalStrict(block(t, "Kubernetes", "spec:"), &pod))
	server, client := pod.Spec.InitContainers[0], pod.Spec.Containers[0]
	if server.RestartPolicy == nil || *server.RestartPolicy != core.ContainerRestartPolicyAlways || server.StartupProbe == nil ||
		!slices.Equal(server.StartupProbe.Exec.Command, isReady[1:]) {
		t.Errorf("no container waits until it is ready: %+v", server)
	}
	for _, e := range client.Env {
		if e.Name == tokenFile && !slices.Contains(server.Args, e.Value) {
			t.Errorf("the server does not write %s", e.Value)
		}
	}
	takes(t, server.Args)
}

// The services of the compose file: the keys that it has are those of its specification that are known here.
func TestCompose(t *testing.T) {
	type service struct {
		Image       string            `json:"image"`
		User        string            `json:"user"`
		Environment map[string]string `json:"environment"`
		Command     []string          `json:"command"`
		Volumes     []string          `json:"volumes"`
		NetworkMode string            `json:"network_mode"`
		Healthcheck struct {
			Test          []string `json:"test"`
			StartInterval string   `json:"start_interval"`
			StartPeriod   string   `json:"start_period"`
		} `json:"healthcheck"`
		DependsOn map[string]struct {
			Condition string `json:"condition"`
		} `json:"depends_on"`
	}
	var file struct {
		Services map[string]service `json:"services"`
		Volumes  map[string]struct {
			DriverOpts map[string]string `json:"driver_opts"`
		} `json:"volumes"`
	}
	harness.Must(t, yaml.UnmarshalStrict(block(t, "docker compose", "services:"), &file))
	server, client := file.Services["creds"], file.Services["app"]
	if client.DependsOn["creds"].Condition != "service_healthy" || !slices.Equal(server.Healthcheck.Test, isReady) || client.NetworkMode != "service:creds" {
		t.Errorf("the client does not wait for its server, or is not in its network: %+v, %+v", client, server)
	}
	if server.User != client.User || !slices.Contains(server.Command, client.Environment[tokenFile]) {
		t.Errorf("the client cannot read the token: %+v, %+v", client, server)
	}
	takes(t, slices.Concat(server.Command, []string{"--source-profile", "base"}))
}
