package kubernetes

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authentication "k8s.io/api/authentication/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	realHost   = "127.0.0.1"
	adminToken = "CANARY-admin"
	patience   = 5 * time.Minute
)

// Place is where the programs run.
type Place struct {
	// Programs is the folder with etcd and kube-apiserver, as "make kubernetes" builds them.
	Programs string
	// Enter makes a command run in the place.
	Enter func(*exec.Cmd) *exec.Cmd
	// Client asks servers there, whatever certificate they have.
	Client *http.Client
	// Ports are free there: for the API server, and two for etcd.
	Ports [3]string
}

// Real is a kube-apiserver with an etcd.
type Real struct {
	Place
	dir     string
	signing *ecdsa.PrivateKey
	log     *os.File
}

// NewReal starts the programs until the test ends. The cluster has the agent's account, which may review tokens.
func NewReal(t testing.TB, p Place) *Real {
	t.Helper()
	r := newEmpty(t, p)
	r.Account(t, "sts-helper", "sts-helper")
	write(t, filepath.Join(r.dir, "token"), []byte(r.Token(t, "sts-helper", "sts-helper", "", "", time.Hour)))
	r.Forbid(t, false)
	return r
}

// newEmpty is NewReal of a cluster without anything of the agent's.
func newEmpty(t testing.TB, p Place) *Real {
	t.Helper()
	r := &Real{Place: p, dir: t.TempDir(), signing: newKey(t)}
	cert, ca := certificate(t, realHost)
	file := func(name string, data []byte) string {
		path := filepath.Join(r.dir, name)
		must(t, os.WriteFile(path, data, 0o600))
		return path
	}
	file("ca.crt", ca)
	key := file("signing.pem", privatePEM(t, r.signing))
	var err error
	r.log, err = os.Create(filepath.Join(r.dir, "log"))
	must(t, err)
	start := func(program string, args ...string) {
		cmd := p.Enter(exec.Command(filepath.Join(p.Programs, program), args...))
		cmd.Stdout, cmd.Stderr = r.log, r.log
		must(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	}
	etcd := "http://127.0.0.1:" + p.Ports[1]
	start("etcd", "--data-dir", filepath.Join(r.dir, "etcd"), "--unsafe-no-fsync", "--log-level", "error",
		"--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", "http://127.0.0.1:"+p.Ports[2])
	start("kube-apiserver", "--etcd-servers="+etcd, "--bind-address="+realHost, "--secure-port="+p.Ports[0], "--advertise-address="+realHost,
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=Node,RBAC", "--allow-privileged=true",
		"--service-account-issuer="+issuer, "--service-account-signing-key-file="+key, "--service-account-key-file="+key,
		"--token-auth-file="+file("tokens.csv", []byte(adminToken+",admin,admin,system:masters\n")),
		"--tls-cert-file="+file("tls.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})),
		"--tls-private-key-file="+file("tls.key", privatePEM(t, cert.PrivateKey.(*ecdsa.PrivateKey))))
	r.await(t, "the API server", func() bool {
		code, _ := r.request(adminToken, http.MethodGet, "/readyz", nil)
		return code == http.StatusOK
	})
	return r
}

// Env is that of [Cluster].
func (r *Real) Env() (host, port string) { return realHost, r.Ports[0] }

// Dir is that of [Cluster].
func (r *Real) Dir() string { return r.dir }

// Apply makes an object as kubectl does: what the server does not know in it is an error.
func (r *Real) Apply(t testing.TB, path string, object any) {
	t.Helper()
	code, answer := r.request(adminToken, http.MethodPost, path+"?fieldValidation=Strict", object)
	if code != http.StatusCreated && code != http.StatusConflict {
		t.Fatalf("POST %s: %d %s", path, code, answer)
	}
}

// Account is that of [Cluster].
func (r *Real) Account(t testing.TB, namespace, name string) {
	t.Helper()
	r.Apply(t, "/api/v1/namespaces", core.Namespace{TypeMeta: kind("Namespace"), ObjectMeta: meta.ObjectMeta{Name: namespace}})
	r.Apply(t, "/api/v1/namespaces/"+namespace+"/serviceaccounts", core.ServiceAccount{TypeMeta: kind("ServiceAccount"), ObjectMeta: meta.ObjectMeta{Name: name}})
}

func kind(k string) meta.TypeMeta { return meta.TypeMeta{APIVersion: "v1", Kind: k} }

// Pod is that of [Cluster]. No kubelet runs it.
func (r *Real) Pod(t testing.TB, namespace, account, name, node string) {
	t.Helper()
	r.Account(t, namespace, account)
	r.Apply(t, "/api/v1/nodes", core.Node{TypeMeta: kind("Node"), ObjectMeta: meta.ObjectMeta{Name: node}})
	r.Apply(t, "/api/v1/namespaces/"+namespace+"/pods", core.Pod{
		TypeMeta: kind("Pod"), ObjectMeta: meta.ObjectMeta{Name: name},
		Spec: core.PodSpec{ServiceAccountName: account, NodeName: node, Containers: []core.Container{{Name: "app", Image: "app"}}},
	})
}

// Token is that of [Cluster]. The server makes none that live for less than ten minutes; those are signed anew here, with its key.
func (r *Real) Token(t testing.TB, namespace, account, podName, audience string, life time.Duration) string {
	t.Helper()
	seconds := int64(max(life, time.Hour) / time.Second)
	request := authentication.TokenRequest{
		TypeMeta: meta.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "TokenRequest"},
		Spec:     authentication.TokenRequestSpec{ExpirationSeconds: &seconds},
	}
	if audience != "" {
		request.Spec.Audiences = []string{audience}
	}
	if podName != "" {
		request.Spec.BoundObjectRef = &authentication.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: podName}
	}
	code, answer := r.request(adminToken, http.MethodPost, "/api/v1/namespaces/"+namespace+"/serviceaccounts/"+account+"/token", request)
	if code != http.StatusCreated || json.Unmarshal(answer, &request) != nil {
		t.Fatalf("a token for %s/%s: %d %s", namespace, account, code, answer)
	}
	if life >= 10*time.Minute {
		return request.Status.Token
	}
	parts := strings.Split(request.Status.Token, ".")
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	must(t, err)
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	must(t, err)
	var all map[string]any
	must(t, json.Unmarshal(body, &all))
	end := time.Now().Add(life)
	all["exp"], all["iat"], all["nbf"] = end.Unix(), end.Add(-time.Hour).Unix(), end.Add(-time.Hour).Unix()
	return sign(t, r.signing, header, all)
}

// DeletePod is that of [Cluster]. It waits until the server's own memory of the pod is gone.
func (r *Real) DeletePod(t testing.TB, namespace, name string) {
	t.Helper()
	zero := int64(0)
	code, answer := r.request(adminToken, http.MethodDelete, "/api/v1/namespaces/"+namespace+"/pods/"+name, meta.DeleteOptions{TypeMeta: kind("DeleteOptions"), GracePeriodSeconds: &zero})
	if code != http.StatusOK {
		t.Fatalf("deleting %s/%s: %d %s", namespace, name, code, answer)
	}
	r.await(t, "the end of the pod", func() bool {
		code, _ := r.request(adminToken, http.MethodGet, "/api/v1/namespaces/"+namespace+"/pods/"+name, nil)
		return code == http.StatusNotFound
	})
}

// Forbid is that of [Cluster]: it takes the ClusterRoleBinding away, and puts it back.
func (r *Real) Forbid(t testing.TB, forbidden bool) {
	t.Helper()
	const path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
	if forbidden {
		_, _ = r.request(adminToken, http.MethodDelete, path+"/sts-helper", nil)
	} else {
		for _, o := range Objects(t, Packaging(t, "kubernetes/rbac.yaml"), "sts-helper") {
			r.Apply(t, o.Path, o.Object)
		}
	}
	own, err := os.ReadFile(filepath.Join(r.dir, "token"))
	must(t, err)
	r.await(t, "the permission", func() bool {
		code, _ := r.request(string(own), http.MethodPost, reviews, reviewOf("not-a-token", "sts-helper"))
		return forbidden == (code == http.StatusForbidden)
	})
}

// request asks the server, and gives 0 where it does not answer.
func (r *Real) request(token, method, path string, body any) (code int, answer []byte) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, []byte(err.Error())
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, "https://"+realHost+":"+r.Ports[0]+path, content)
	if err != nil {
		return 0, []byte(err.Error())
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.Client.Do(req)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		return 0, []byte(err.Error())
	}
	return resp.StatusCode, answer
}

func (r *Real) await(t testing.TB, what string, so func() bool) {
	t.Helper()
	for start := time.Now(); !so(); time.Sleep(100 * time.Millisecond) {
		if time.Since(start) > patience {
			b, _ := os.ReadFile(r.log.Name())
			t.Fatalf("%s: not within %v\n%s", what, patience, b[max(0, len(b)-4000):])
		}
	}
}

func privatePEM(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}
