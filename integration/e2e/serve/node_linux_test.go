package serve_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/integration/kubernetes"
)

// fast is an API server in this process, in the node's network.
func fast(t *testing.T) func(*network) kubernetes.Cluster {
	return func(n *network) (c kubernetes.Cluster) {
		n.inside(t, func() {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			harness.Must(t, err)
			c = kubernetes.New(t, ln)
		})
		return c
	}
}

// ask sends a request as a pod does, and gives the status and the document or the error's code. As SDKs do, it asks again
// where it is told to, which on a busy machine can be.
func ask(t testing.TB, client *http.Client, token string, header ...string) (status int, document, code string) {
	t.Helper()
	harness.Await(t, "an answer that is not 503", func() bool {
		status, document, code = askAt(t, client, nodeURL, token, header...)
		return status != http.StatusServiceUnavailable
	})
	return status, document, code
}

// askAt asks once, at an address.
func askAt(t testing.TB, client *http.Client, url, token string, header ...string) (status int, document, code string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	harness.Must(t, err)
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	harness.Must(t, err)
	if resp.StatusCode == http.StatusOK {
		return resp.StatusCode, string(body), ""
	}
	var e struct{ Code, Message string }
	if err := json.Unmarshal(body, &e); err != nil || strings.Contains(string(body), harness.Canary) {
		t.Errorf("the error is %q", body)
	}
	return resp.StatusCode, "", e.Code
}

// keyOf is the access key id of a document that is whole, and whose parts belong together.
func (n *node) keyOf(t testing.TB, document string) string {
	t.Helper()
	var d struct{ AccessKeyId, SecretAccessKey, Token, Expiration, AccountId string }
	harness.Must(t, json.Unmarshal([]byte(document), &d))
	if !n.world.STS.Owns(d.AccessKeyId, d.SecretAccessKey, d.Token) || d.AccountId != harness.Account {
		t.Errorf("the parts of %s do not belong together", d.AccessKeyId)
	}
	if end, err := time.Parse("2006-01-02T15:04:05Z", d.Expiration); err != nil || !end.After(time.Now()) {
		t.Errorf("Expiration is %q", d.Expiration)
	}
	return d.AccessKeyId
}

// Pods of the node get the role of their service account, and no other process gets any.
func TestNode(t *testing.T) {
	t.Parallel()
	n := newNode(t, fast(t))
	testNode(t, n)
}

// The same with a real API server.
func TestNodeRealAPIServer(t *testing.T) {
	programs := os.Getenv("STS_HELPER_KUBERNETES")
	if programs == "" {
		t.Skip("make kubernetes tests this")
	}
	t.Parallel()
	testNode(t, newNode(t, func(n *network) kubernetes.Cluster {
		client := from(t, n, "")
		client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
		return kubernetes.NewReal(t, kubernetes.Place{Programs: programs, Enter: n.enter, Client: client, Ports: [3]string{"6443", "2379", "2380"}})
	}))
}

// testNode is what must hold with every API server.
func testNode(t *testing.T, n *node) {
	t.Helper()
	n.awaitHealthy(t)
	c := n.cluster
	for _, p := range []struct{ namespace, account, name, node string }{
		{"shop", "web", "web-1", "node-1"}, {"shop", "batch", "batch-1", "node-1"}, {"store", "web", "web-1", "node-1"},
		{"shop", "web", "web-2", "node-2"}, {"other", "web", "web-1", "node-1"}, {"shop", "default", "toolbox", "node-1"},
		{"shop", "web", "deleted", "node-1"}, {"shop", "web", "known", "node-1"},
	} {
		c.Pod(t, p.namespace, p.account, p.name, p.node)
	}
	client := from(t, n.pods, podAddress(1))
	token := func(namespace, account, pod, audience string) string {
		return c.Token(t, namespace, account, pod, audience, time.Hour)
	}
	good := token("shop", "web", "web-1", audience)
	ids := map[string]string{}
	for profile, token := range map[string]string{
		"web": good, "batch": token("shop", "batch", "batch-1", audience), "db": token("store", "web", "web-1", audience),
	} {
		status, document, code := ask(t, client, token)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s\n%s", profile, status, code, n.Log)
		}
		ids[n.keyOf(t, document)] = profile
		if !strings.Contains(document, n.roles[profile].ARN) {
			t.Errorf("%s gets another role: %.60s", profile, document)
		}
	}
	if len(ids) != 3 {
		t.Errorf("three roles have %d sets of credentials", len(ids))
	}
	deleted := token("shop", "web", "deleted", audience)
	c.DeletePod(t, "shop", "deleted")
	forged := good[:strings.LastIndexByte(good, '.')+1] + "AAAA" + good[strings.LastIndexByte(good, '.')+5:]
	for name, tc := range map[string]struct {
		token  string
		header []string
		status int
		code   string
	}{
		"no token":               {"", nil, 400, "InvalidRequestException"},
		"expired":                {c.Token(t, "shop", "web", "web-1", audience, -5*time.Minute), nil, 400, "ExpiredTokenException"},
		"no JWT":                 {"secret", nil, 400, "InvalidRequestException"},
		"a forged signature":     {forged, nil, 400, "InvalidTokenException"},
		"EKS's audience":         {token("shop", "web", "web-1", "pods.eks.amazonaws.com"), nil, 400, "InvalidTokenException"},
		"the pod was deleted":    {deleted, nil, 400, "InvalidTokenException"},
		"another node":           {token("shop", "web", "web-2", audience), nil, 403, "AccessDeniedException"},
		"another namespace":      {token("other", "web", "web-1", audience), nil, 403, "AccessDeniedException"},
		"another account":        {token("shop", "default", "toolbox", audience), nil, 403, "AccessDeniedException"},
		"an account, no pod":     {token("shop", "web", "", audience), nil, 403, "AccessDeniedException"},
		"a web page":             {good, []string{"Origin", "http://evil.example"}, 403, "AccessDenied"},
		"a page's navigation":    {good, []string{"Sec-Fetch-Site", "none"}, 403, "AccessDenied"},
		"a referrer":             {good, []string{"Referer", ""}, 403, "AccessDenied"},
		"a proxy":                {good, []string{"X-Forwarded-For", "10.0.0.1"}, 403, "AccessDenied"},
		"a name (DNS rebinding)": {good, []string{"Host", "rebound.example"}, 403, "AccessDenied"},
		"a name that begins so":  {good, []string{"Host", "169.254.170.23.evil.example"}, 403, "AccessDenied"},
		"localhost":              {good, []string{"Host", "localhost"}, 403, "AccessDenied"},
		"metadata's address":     {good, []string{"Host", "169.254.169.254"}, 403, "AccessDenied"},
		"another port":           {good, []string{"Host", "169.254.170.23:81"}, 403, "AccessDenied"},
		"the port":               {good, []string{"Host", "169.254.170.23:80"}, 200, ""},
	} {
		if status, _, code := ask(t, client, tc.token, tc.header...); status != tc.status || code != tc.code {
			t.Errorf("%s: %d %s, want %d %s", name, status, code, tc.status, tc.code)
		}
	}
	if resp, err := client.Get("http://" + nodeAddress + "/healthz"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("a pod asks for the agent's health: %v %v", resp, err)
	}
	// It is not on any other address of the node.
	if _, err := client.Get("http://10.9.0.1/v1/credentials"); err == nil {
		t.Error("the agent answers at the node's own address")
	}
	n.sdk(t, good, ids)

	// A service account that loses its line gets nothing more, and one that gets a line is served, without a restart.
	n.writeRules(t, "shop/default web\nstore/web db\n")
	harness.Await(t, "the new rules", func() bool {
		status, _, _ := ask(t, client, good)
		return status == http.StatusForbidden
	})
	if status, document, code := ask(t, client, token("shop", "default", "toolbox", audience)); status != 200 || ids[n.keyOf(t, document)] != "web" {
		t.Errorf("the new line: %d %s", status, code)
	}
	n.writeRules(t, "shop/web\n")
	harness.Await(t, "a line that is wrong", func() bool {
		return strings.Contains(n.Log.String(), "pods:1: want NAMESPACE/SERVICEACCOUNT and a profile")
	})
	if status, _, code := ask(t, client, token("store", "web", "web-1", audience)); status != 200 {
		t.Errorf("the old rules: %d %s", status, code)
	}
	// The last line is taken out as any other.
	n.writeRules(t, "# no one at present\n")
	harness.Await(t, "a list without accounts", func() bool {
		status, _, _ := ask(t, client, token("store", "web", "web-1", audience))
		return status == http.StatusForbidden
	})
	if word := n.health(t); word != "ready" {
		t.Errorf("without accounts: its health is %s", word)
	}
	n.writeRules(t, "store/web db\n")
	harness.Await(t, "a list with an account again", func() bool {
		status, _, _ := ask(t, client, token("store", "web", "web-1", audience))
		return status == http.StatusOK
	})

	if got := n.world.STS.Count("AssumeRoleWithWebIdentity"); got != 3 {
		t.Errorf("%d calls of STS for three roles", got)
	}
	log := n.Log.String()
	for _, has := range []string{"namespace=shop service_account=web pod=web-1", `reason="the service account other/web has no profile on this node"`, "profile=web"} {
		if !strings.Contains(log, has) {
			t.Errorf("the log lacks %s", has)
		}
	}
	for _, secret := range []string{good, good[strings.LastIndexByte(good, '.'):], deleted} {
		if strings.Contains(log, secret) {
			t.Error("a token is in the log")
		}
	}
	if code := n.Stop(t); code != 0 {
		t.Errorf("after SIGTERM: exit code %d", code)
	}
}

// sdk lets SDKs find the agent by the two variables that a pod has.
func (n *node) sdk(t *testing.T, token string, ids map[string]string) {
	t.Helper()
	harness.Must(t, os.Chmod(filepath.Dir(n.pods.dir), 0o755))
	file := filepath.Join(n.pods.dir, "token")
	harness.Must(t, os.WriteFile(file, []byte(token), 0o600))
	env := []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + nodeURL, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + file, "AWS_EC2_METADATA_DISABLED=true", "HOME=" + n.pods.dir}
	got := n.pods.run(t, env, harness.Program(t, "probe"), "sdk")
	if id, _, _ := strings.Cut(got, " "); ids[id] != "web" {
		t.Errorf("the Go SDK: %q", got)
	}
	python := botocore(t)
	if python == "" {
		t.Log("no botocore here: make sdk-tools")
		return
	}
	if got := n.pods.run(t, env, python, "-c", "import botocore.session; c = botocore.session.get_session().get_credentials(); print(c.access_key, c.method)"); ids[strings.TrimSuffix(got, " container-role")] != "web" {
		t.Errorf("botocore: %q", got)
	}
}

// botocore is a Python that has it: of "make sdk-tools", or the machine's own; "" for none.
func botocore(t *testing.T) string {
	t.Helper()
	root, err := harness.Root()
	harness.Must(t, err)
	for _, python := range []string{filepath.Join(root, ".tools", "sdk", "python", "bin", "python3"), "python3"} {
		if exec.Command(python, "-c", "import botocore").Run() == nil {
			return python
		}
	}
	if os.Getenv("CI") != "" {
		t.Error("botocore is not installed")
	}
	return ""
}

// However many pods ask at once, STS is asked once for each role, and the API server once for each token.
func TestNodeCrowd(t *testing.T) {
	harness.Long(t, "a crowd of pods")
	t.Parallel()
	pods := 500
	if !testing.Short() {
		pods = 5000
	}
	n := newNode(t, fast(t), "--log-level", "warn")
	n.awaitHealthy(t)
	before := n.cluster.(*kubernetes.Server).Reviews()
	accounts := [][2]string{{"shop", "web"}, {"shop", "batch"}, {"store", "web"}}
	profiles := []string{"web", "batch", "db"}
	tokens := make([]string, pods)
	for i := range tokens {
		a := accounts[i%3]
		name := fmt.Sprintf("pod-%d", i)
		n.cluster.Pod(t, a[0], a[1], name, "node-1")
		tokens[i] = n.cluster.Token(t, a[0], a[1], name, audience, time.Hour)
	}
	got := make([]string, pods)
	next := make(chan int)
	var again atomic.Int64 // pods that had to ask again, since the machine is busy
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			for i := range next {
				client := from(t, n.pods, podAddress(i))
				status, document, code := askAt(t, client, nodeURL, tokens[i])
				if status == http.StatusServiceUnavailable {
					again.Add(1)
					time.Sleep(time.Second)
					status, document, code = ask(t, client, tokens[i])
				}
				if status != http.StatusOK {
					t.Errorf("pod %d: %d %s", i, status, code)
					continue
				}
				got[i] = n.keyOf(t, document)
			}
		})
	}
	for i := range tokens {
		next <- i
	}
	close(next)
	wg.Wait()
	ids := map[string]string{}
	for i, id := range got {
		if p := profiles[i%3]; id == "" || ids[p] != "" && ids[p] != id {
			t.Fatalf("pod %d of %s got %q, others %q", i, p, id, ids[p])
		} else {
			ids[p] = id
		}
	}
	if calls := n.world.STS.Count("AssumeRoleWithWebIdentity"); calls != 3 {
		t.Errorf("%d pods of 3 roles: %d calls of STS", pods, calls)
	}
	if reviews := n.cluster.(*kubernetes.Server).Reviews() - before; reviews < pods || again.Load() == 0 && reviews > pods {
		t.Errorf("%d tokens were reviewed %d times", pods, reviews)
	}
}

// While the API server is away, what was reviewed within the minute is served, the rest is told to come again, and
// the health check says so. The agent's own token is read anew each time.
func TestNodeAPIServer(t *testing.T) {
	t.Parallel()
	n := newNode(t, fast(t))
	n.awaitHealthy(t)
	api := n.cluster.(*kubernetes.Server)
	client := from(t, n.pods, podAddress(1))
	tokens := map[string]string{}
	for _, name := range []string{"a", "b", "c", "d"} {
		api.Pod(t, "shop", "web", name, "node-1")
		tokens[name] = api.Token(t, "shop", "web", name, audience, time.Hour)
	}
	want := func(pod string, want int) {
		t.Helper()
		status, _, code := askAt(t, client, nodeURL, tokens[pod])
		if want == 200 && status == 503 {
			status, _, code = ask(t, client, tokens[pod])
		}
		if status != want {
			t.Errorf("pod %s: %d %s, want %d\n%s", pod, status, code, want, n.Log)
		}
	}
	start := time.Now()
	want("a", 200)
	for says, fail := range map[string]func(bool){
		"answered the review of a token with 503":                 api.Away,
		"may not create tokenreviews.authentication.k8s.io; give": func(b bool) { api.Forbid(t, b) },
	} {
		fail(true)
		if time.Since(start) < 50*time.Second { // of the minute
			want("a", 200)
		}
		want("b", 503)
		if word := n.health(t); word != "unavailable" {
			t.Errorf("its health: %s", word)
		}
		harness.Await(t, "in the log: "+says, func() bool { return strings.Contains(n.Log.String(), says) })
		fail(false)
		n.awaitHealthy(t)
	}
	want("b", 200)
	api.Rotate(t)
	want("c", 200)

	api.Slow(time.Second / 2)
	before := api.Reviews()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { want("d", 200) })
	}
	wg.Wait()
	if got := api.Reviews() - before; got != 1 {
		t.Errorf("50 requests with one token: %d reviews", got)
	}
}

// While the kubelet puts new settings in the place of old ones, a profile's name means the old role for the accounts that have it by
// the old rules, the new one for those that have it by the new ones, and never the other: also for who asked before the change and
// is answered after it, because the API server is slow.
func TestNodeSettingsAreReplaced(t *testing.T) {
	t.Parallel()
	n := newNodeWith(t, fast(t), func(n *node, t *testing.T) {
		n.configure(t)
		n.rules = filepath.Join(n.world.Dir, "volume", "pods")
		config, err := os.ReadFile(filepath.Join(n.world.Dir, ".config", "sts-helper", "config.toml"))
		harness.Must(t, err)
		// Only one of two accounts has the profile "web", and it means a role of that account's own.
		for name, d := range map[string]struct{ role, account string }{"0": {"web", "web"}, "1": {"batch", "batch"}} {
			dir := filepath.Join(n.world.Dir, "data"+name)
			harness.Must(t, os.MkdirAll(filepath.Join(dir, "sts-helper"), 0o700))
			swapped := strings.Replace(string(config), n.roles["web"].ARN, n.roles[d.role].ARN, 1)
			harness.Must(t, os.WriteFile(filepath.Join(dir, "sts-helper", "config.toml"), []byte(swapped), 0o600))
			harness.Must(t, os.WriteFile(filepath.Join(dir, "pods"), []byte("shop/"+d.account+" web\n"), 0o600))
		}
		harness.Must(t, os.Symlink("data0", filepath.Join(n.world.Dir, "volume")))
		harness.Must(t, os.RemoveAll(filepath.Join(n.world.Dir, ".config")))
		harness.Must(t, os.Symlink("volume", filepath.Join(n.world.Dir, ".config")))
	})
	n.awaitHealthy(t)
	api := n.cluster.(*kubernetes.Server)
	client := from(t, n.pods, podAddress(1))
	tokens := map[string]string{}
	for _, account := range []string{"web", "batch"} {
		api.Pod(t, "shop", account, account+"-1", "node-1")
		tokens[account] = api.Token(t, "shop", account, account+"-1", audience, time.Hour)
	}
	link := filepath.Join(n.world.Dir, "volume")
	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	for round := range rounds {
		now := []string{"web", "batch"}[round%2]
		harness.Await(t, "the settings of "+now, func() bool {
			status, _, _ := askAt(t, client, nodeURL, tokens[now])
			return status == http.StatusOK
		})
		api.Slow(700 * time.Millisecond) // longer than it takes until new settings are seen
		var wg sync.WaitGroup
		for i := range 20 {
			for _, account := range []string{"web", "batch"} {
				pod := fmt.Sprintf("%s-%d-%d", account, round, i)
				api.Pod(t, "shop", account, pod, "node-1")
				token := api.Token(t, "shop", account, pod, audience, time.Hour)
				wg.Go(func() {
					time.Sleep(time.Duration(i) * 50 * time.Millisecond)
					status, document, _ := askAt(t, from(t, n.pods, podAddress(i)), nodeURL, token)
					if want := n.roles[account].ARN; status == http.StatusOK && !strings.Contains(document, want) {
						t.Errorf("round %d: a pod of %s gets another role than %s", round, account, want)
					}
				})
			}
		}
		time.Sleep(100 * time.Millisecond)
		harness.Must(t, os.Symlink(fmt.Sprintf("data%d", (round+1)%2), link+".new"))
		harness.Must(t, os.Rename(link+".new", link))
		wg.Wait()
		api.Slow(0)
	}
}
