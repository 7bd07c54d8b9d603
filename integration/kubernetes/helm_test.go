package kubernetes

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// helmTemplate is what the chart makes with values, and what Helm says where it makes nothing.
func helmTemplate(t *testing.T, values string) (manifest, says string) {
	t.Helper()
	programs := os.Getenv(programsVariable)
	if programs == "" {
		t.Skip("make kubernetes tests this")
	}
	root, err := harness.Root()
	must(t, err)
	file := filepath.Join(t.TempDir(), "values.yaml")
	must(t, os.WriteFile(file, []byte(values), 0o600))
	cmd := exec.Command(filepath.Join(programs, "helm"), "template", "sts-helper", "helm/sts-helper", "--namespace", "sts-helper", "--kube-version", "1.37.0", "--values", file)
	cmd.Dir = filepath.Join(root, "packaging")
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		return "", errors.String()
	}
	return string(out), ""
}

// helmOf is what the chart makes with values.
func helmOf(t *testing.T, values string) string {
	t.Helper()
	manifest, says := helmTemplate(t, values)
	if says != "" {
		t.Fatal(says)
	}
	return manifest
}

// indented is a text as a block of YAML below a key.
func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}

// Values that are given take the place of the chart's own, and mean what they say.
func TestHelmValues(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		values string
		check  func(pods string, s core.PodSpec) bool
	}{
		// Helm merges maps: an example among the chart's own values would stay.
		"a list of pods":         {"pods:\n  team/api: api\n  team/b.c: my profile\n", func(pods string, _ core.PodSpec) bool { return pods == "team/api api\nteam/b.c my profile\n" }},
		"no pods":                {"", func(pods string, _ core.PodSpec) bool { return strings.TrimSpace(pods) == "" }},
		"marks of YAML in names": {"pods:\n  team/api: 'a: b # c'\n", func(pods string, _ core.PodSpec) bool { return pods == "team/api a: b # c\n" }},
		"texts that YAML takes for something else": {"identityAudience: \"8443\"\ncachePath: \"/var/lib/a: b\"\npriorityClassName: \"on\"\nimagePullPolicy: Always\n", func(_ string, s core.PodSpec) bool {
			return s.Volumes[3].Projected.Sources[0].ServiceAccountToken.Audience == "8443" && s.Volumes[1].HostPath.Path == "/var/lib/a: b" && s.PriorityClassName == "on" &&
				s.Containers[0].ImagePullPolicy == core.PullAlways
		}},
		"nothing where something is by itself": {"nodeSelector: null\ntolerations: []\nresources: null\naffinity: null\nextraArgs: null\nextraEnv: []\npriorityClassName: \"\"\n", func(_ string, s core.PodSpec) bool {
			return len(s.NodeSelector) == 0 && len(s.Tolerations) == 0 && s.PriorityClassName == "" && len(s.Containers[0].Resources.Limits) == 0
		}},
	} {
		manifest, says := helmTemplate(t, tc.values)
		if says != "" {
			t.Errorf("%s: %s", name, says)
			continue
		}
		pods, spec := "", core.PodSpec{}
		for _, o := range Objects(t, manifest, "") {
			switch o := o.Object.(type) {
			case *core.ConfigMap:
				pods = o.Data["pods"]
			case *apps.DaemonSet:
				spec = o.Spec.Template.Spec
			}
		}
		if !tc.check(pods, spec) {
			t.Errorf("%s: pods %q\n%+v", name, pods, spec)
		}
	}
	// A number of twelve digits, as an account's, is 1.11122223333e+11 to Helm.
	if _, says := helmTemplate(t, "pods:\n  team/api: 111122223333\n"); !strings.Contains(says, "pods: write the profile of team/api in quotes") {
		t.Errorf("a profile that is a number: %q", says)
	}
}
