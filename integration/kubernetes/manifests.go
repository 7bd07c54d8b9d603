package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	apps "k8s.io/api/apps/v1"
	authentication "k8s.io/api/authentication/v1"
	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// Object is one of a manifest, and where it is posted.
type Object struct {
	Path   string
	Object meta.Object
}

// objects are what manifests here may have.
var objects = map[string]struct {
	path string
	make func() meta.Object
}{
	"v1 Namespace":      {"/api/v1/namespaces", func() meta.Object { return new(core.Namespace) }},
	"v1 ServiceAccount": {"/api/v1/namespaces/%s/serviceaccounts", func() meta.Object { return new(core.ServiceAccount) }},
	"v1 ConfigMap":      {"/api/v1/namespaces/%s/configmaps", func() meta.Object { return new(core.ConfigMap) }},
	"v1 Pod":            {"/api/v1/namespaces/%s/pods", func() meta.Object { return new(core.Pod) }},
	"apps/v1 DaemonSet": {"/apis/apps/v1/namespaces/%s/daemonsets", func() meta.Object { return new(apps.DaemonSet) }},
	"rbac.authorization.k8s.io/v1 ClusterRole":        {"/apis/rbac.authorization.k8s.io/v1/clusterroles", func() meta.Object { return new(rbac.ClusterRole) }},
	"rbac.authorization.k8s.io/v1 ClusterRoleBinding": {"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", func() meta.Object { return new(rbac.ClusterRoleBinding) }},
}

var separator = regexp.MustCompile(`(?m)^---$`)

// Objects reads a manifest strictly: a field that the type does not have, or one that is there twice, fails the test. What
// has no namespace, and should have one, gets that.
func Objects(t testing.TB, manifest, namespace string) (all []Object) {
	t.Helper()
	for _, text := range separator.Split(manifest, -1) {
		var head meta.TypeMeta
		must(t, yaml.Unmarshal([]byte(text), &head))
		if head.Kind == "" {
			continue
		}
		known, ok := objects[head.APIVersion+" "+head.Kind]
		if !ok {
			t.Fatalf("%s %s is not expected here", head.APIVersion, head.Kind)
		}
		o := known.make()
		if err := yaml.UnmarshalStrict([]byte(text), o); err != nil {
			t.Fatalf("%s: %v", head.Kind, err)
		}
		path := known.path
		if regexp.MustCompile("%s").MatchString(path) {
			if o.GetNamespace() == "" {
				o.SetNamespace(namespace)
			}
			path = fmt.Sprintf(path, o.GetNamespace())
		}
		all = append(all, Object{path, o})
	}
	return all
}

// Packaging is a file below the folder packaging.
func Packaging(t testing.TB, name string) string {
	t.Helper()
	root, err := harness.Root()
	must(t, err)
	b, err := os.ReadFile(filepath.Join(root, "packaging", filepath.FromSlash(name)))
	must(t, err)
	return string(b)
}

// reviewOf is the request for the review of a token.
func reviewOf(token string, audiences ...string) authentication.TokenReview {
	return authentication.TokenReview{
		TypeMeta: meta.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "TokenReview"},
		Spec:     authentication.TokenReviewSpec{Token: token, Audiences: audiences},
	}
}
