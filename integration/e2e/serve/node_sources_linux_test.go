package serve_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// The node's source can be a web identity token, the instance, and a certificate (IAM Roles Anywhere).
func TestNodeSources(t *testing.T) {
	t.Parallel()
	n := newNodeWith(t, fast(t), func(n *node, t *testing.T) {
		n.configure(t) // of which "web" is used
		w := n.world
		config := w.Read(t, ".config/sts-helper/config.toml")
		config = config[:strings.Index(config, "[profile.batch]")]

		host := w.STS.AddRole(harness.Account, "host", emulator.Trust("rolesanywhere.amazonaws.com"))
		anchor := w.STS.AddTrustAnchor(harness.Account, "eu-west-1", host.ARN)
		w.Env["AWS_ENDPOINT_URL_ROLESANYWHERE"] = w.STS.URL()
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		harness.Must(t, err)
		der, err := x509.MarshalECPrivateKey(key)
		harness.Must(t, err)
		cert, _ := anchor.Issue("node-1", key.Public(), time.Now().Add(time.Hour), false)
		harness.Must(t, w.Write("cert.pem", string(cert)))
		harness.Must(t, w.Write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))))
		n.roles["batch"] = w.STS.AddRole(harness.Account, "of-the-certificate", emulator.Trust(host.ARN))
		config += fmt.Sprintf("[profile.batch]\nregion = \"eu-west-1\"\ncertificate = %q\nprivate_key = %q\ntrust_anchor_arn = %q\nanywhere_profile_arn = %q\nanywhere_role_arn = %q\nrole_arn = %q\n",
			filepath.Join(w.Dir, "cert.pem"), filepath.Join(w.Dir, "key.pem"), anchor.ARN, anchor.ProfileARN, host.ARN, n.roles["batch"].ARN)

		profile := w.STS.AddRole(harness.Account, "instance", emulator.Trust(w.User.ARN))
		instance := w.PrepareServer(t, "--source-profile", "base", "--role-arn", profile.ARN, "--imds", "default", "--listen", "127.0.0.1:9911")
		n.net.enter(instance.Cmd)
		instance.Begin(t)
		instance.AwaitReady(t)
		w.Env["AWS_EC2_METADATA_SERVICE_ENDPOINT"], w.Env["AWS_EC2_METADATA_DISABLED"] = instance.Base, "false"
		n.roles["db"] = w.STS.AddRole(harness.Account, "of-the-instance", emulator.Trust(profile.ARN))
		config += fmt.Sprintf("[profile.db]\nregion = \"eu-west-1\"\nrole_arn = %q\n", n.roles["db"].ARN)
		harness.Must(t, w.Write(".config/sts-helper/config.toml", config))
	})
	n.awaitHealthy(t)
	for i, tc := range []struct{ namespace, account, profile string }{{"shop", "web", "web"}, {"shop", "batch", "batch"}, {"store", "web", "db"}} {
		n.cluster.Pod(t, tc.namespace, tc.account, "pod", "node-1")
		token := n.cluster.Token(t, tc.namespace, tc.account, "pod", audience, time.Hour)
		status, document, code := ask(t, from(t, n.pods, podAddress(i)), token)
		if status != http.StatusOK || !strings.Contains(document, n.roles[tc.profile].ARN) {
			t.Fatalf("%s: %d %s %.40s\n%s", tc.profile, status, code, document, n.Log)
		}
		n.keyOf(t, document)
	}
}

// What pods get is in the audit log and the metrics. Pods without IPv4 have an address, too.
func TestNodeLogs(t *testing.T) {
	t.Parallel()
	var audit string
	n := newNodeWith(t, fast(t), func(n *node, t *testing.T) {
		n.configure(t)
		n.world.Env["STS_HELPER_ROLE_SESSION_NAME"] = "node-1"
		audit = filepath.Join(n.world.Dir, "audit.log")
		harness.Must(t, n.world.Write(".config/sts-helper/config.toml", n.world.Read(t, ".config/sts-helper/config.toml")+fmt.Sprintf("[audit]\nfile = %q\n", audit)))
	}, "--metrics-listen", "127.0.0.1:9912", "--listen", nodeAddress, "--listen", "[fd00:ec2::23]:80", "--node-audience", "pods.example.com")
	n.awaitHealthy(t)
	n.cluster.Pod(t, "shop", "web", "web-1", "node-1")
	token := n.cluster.Token(t, "shop", "web", "web-1", "pods.example.com", time.Hour)
	client := from(t, n.pods, "")
	for _, address := range []string{"169.254.170.23", "[fd00:ec2::23]"} {
		var status int
		harness.Await(t, "the answer at "+address, func() bool {
			var document string
			if status, document, _ = askAt(t, client, "http://"+address+"/v1/credentials", token); status == http.StatusOK {
				n.keyOf(t, document)
			}
			return status != http.StatusServiceUnavailable
		})
		if status != http.StatusOK {
			t.Errorf("%s: %d", address, status)
		}
		for _, host := range []string{"169.254.170.23", "[fd00:ec2::23]"} {
			if status, _, _ := askAt(t, client, "http://"+address+"/v1/credentials", token, "Host", host); (status == http.StatusOK) != (host == address) {
				t.Errorf("Host %s at %s: %d", host, address, status)
			}
		}
	}
	if status, _, code := ask(t, client, n.cluster.Token(t, "shop", "web", "web-1", audience, time.Hour)); status != http.StatusBadRequest {
		t.Errorf("the default audience, where another is wanted: %d %s", status, code)
	}
	b, err := os.ReadFile(audit)
	harness.Must(t, err)
	var line struct{ Pod, Profile, Way, Identity string }
	harness.Must(t, json.Unmarshal([]byte(strings.SplitAfter(string(b), "\n")[0]), &line))
	if line.Pod != "shop/web/web-1" || line.Profile != "web" || line.Way != "container" || !strings.HasSuffix(line.Identity, ":assumed-role/pods-web/node-1") {
		t.Errorf("the audit log: %s", b)
	}
	resp, err := from(t, n.net, "").Get("http://127.0.0.1:9912/metrics")
	harness.Must(t, err)
	metrics, err := io.ReadAll(resp.Body)
	harness.Must(t, err)
	harness.Must(t, resp.Body.Close())
	for _, has := range []string{
		`sts_helper_requests_total{route="container",profile="web",status="200",guard=""} 4`,
		`sts_helper_requests_total{route="container",profile="",status="400",guard=""} 1`,
		`sts_helper_requests_total{route="other",profile="",status="403",guard="host"} 2`,
	} {
		if !strings.Contains(string(metrics), has+"\n") {
			t.Errorf("the metrics lack %s:\n%s", has, metrics)
		}
	}
	if got := n.pods.sh(t, harness.Program(t, "probe")+" get http://10.9.0.1:9912/metrics || true"); !strings.HasPrefix(got, "refused") {
		t.Errorf("a pod asks for the metrics: %q", got)
	}
}

// What does not go together is said before anything listens, and what is missing with the next step.
func TestNodeRefused(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	harness.Must(t, w.Write("pods", "shop/web dev\n"))
	harness.Must(t, w.Write("wrong", "shop/web dev\nshop/*  dev\n"))
	rules := filepath.Join(w.Dir, "pods")
	harness.Must(t, w.Write("everyones", "shop/web dev\n"))
	harness.Must(t, os.Chmod(filepath.Join(w.Dir, "everyones"), 0o666))
	harness.Must(t, w.Write("folder/pods", "shop/web dev\n"))
	harness.Must(t, os.Chmod(filepath.Join(w.Dir, "folder"), 0o777))
	w.Env["KUBERNETES_SERVICE_HOST"], w.Env["KUBERNETES_SERVICE_PORT"] = "127.0.0.1", "1"
	for says, tc := range map[string]struct {
		code int
		args []string
	}{
		"--node: name the file of service accounts":                   {2, []string{"--node", "--node-name", "a"}},
		"--node: name this node with --node-name":                     {2, []string{"--node", "--node-pods", rules}},
		"--node-name and --node-pods go with --node":                  {2, []string{"--profile", "dev", "--node-pods", rules}},
		"--profile does not go with --node":                           {2, []string{"--node", "--node-name", "a", "--node-pods", rules, "--profile", "dev"}},
		"--imds does not go with --node":                              {2, []string{"--node", "--node-name", "a", "--node-pods", rules, "--imds", "dev"}},
		"--expose-credentials-to-the-network does not go with --node": {2, []string{"--node", "--node-name", "a", "--node-pods", rules, "--expose-credentials-to-the-network"}},
		"--role-arn would hold for every profile":                     {2, []string{"--node", "--node-name", "a", "--node-pods", rules, "--role-arn", "arn:aws:iam::111122223333:role/x"}},
		"or an address of loopback, not \"0.0.0.0:80\"":               {2, []string{"--node", "--node-name", "a", "--node-pods", rules, "--listen", "0.0.0.0:80"}},
		"or an address of loopback, not \"169.254.170.23:81\"":        {2, []string{"--node", "--node-name", "a", "--node-pods", rules, "--listen", "169.254.170.23:81"}},
		"or an address of loopback, not \"169.254.169.254:80\"":       {2, []string{"--node", "--node-name", "a", "--node-pods", rules, "--listen", "169.254.169.254:80"}},
		"wrong:2: \"*\" is no name of a service account":              {3, []string{"--node", "--node-name", "a", "--node-pods", filepath.Join(w.Dir, "wrong")}},
		"everyones: others may write to it":                           {3, []string{"--node", "--node-name", "a", "--node-pods", filepath.Join(w.Dir, "everyones")}},
		"folder/pods: every user":                                     {3, []string{"--node", "--node-name", "a", "--node-pods", filepath.Join(w.Dir, "folder", "pods")}},
		"cannot be read: no such file or directory":                   {3, []string{"--node", "--node-name", "a", "--node-pods", filepath.Join(w.Dir, "missing")}},
		"give it the address, as root; run: sts-helper node-address":  {3, []string{"--node", "--node-name", "a", "--node-pods", rules}},
	} {
		if r := w.Run(t, append([]string{"serve"}, tc.args...)...); r.Code != tc.code || !strings.Contains(r.Stderr, says) || strings.Count(strings.TrimSpace(r.Stderr), "\n") > 0 && tc.code == 2 {
			t.Errorf("%q: exit code %d, %s", tc.args, r.Code, r.Stderr)
		}
	}
	delete(w.Env, "KUBERNETES_SERVICE_HOST")
	if r := w.Run(t, "serve", "--node", "--node-name", "a", "--node-pods", rules); r.Code != 3 || !strings.Contains(r.Stderr, "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT do not say where the API server is") {
		t.Errorf("outside of a cluster: %d %s", r.Code, r.Stderr)
	}
}
