package process_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// An image of a machine, and a home that machines share, has the cache in it: what the instance metadata of one machine
// gave is never given on another.
func TestAnotherMachine(t *testing.T) {
	harness.OnlyLinux(t, "the name of a boot")
	if os.Geteuid() != 0 {
		t.Skip("needs root for another one")
	}
	w := harness.NewWorld(t)
	app := w.STS.AddRole(harness.Account, "app").ARN
	machines := []string{"web", "db"}
	creds := map[string]harness.Document{}
	for _, m := range machines {
		w.STS.AddRole(harness.Account, m)
		creds[m] = w.Creds(t, w.Run(t, "--no-cache", "--source-profile", "base", "--role-arn", "arn:aws:iam::"+harness.Account+":role/"+m, "--role-session-name", "i-"+m))
		harness.Must(t, w.Write(m, "00000000-0000-0000-0000-0000000000"+m[:2]+"\n"))
	}
	var now atomic.Value // the machine
	metadata := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		d := creds[now.Load().(string)]
		switch {
		case r.Method == http.MethodPut:
			rw.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			_, _ = rw.Write([]byte("CANARYsession"))
		case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
			_, _ = rw.Write([]byte("role"))
		case strings.HasSuffix(r.URL.Path, "/role"), r.URL.Path == "/credentials":
			_ = json.NewEncoder(rw).Encode(map[string]string{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": d.AccessKeyId, "SecretAccessKey": d.SecretAccessKey,
				"Token": d.SessionToken, "Expiration": d.Expiration, "LastUpdated": time.Now().UTC().Format(time.RFC3339)})
		default:
			http.NotFound(rw, r)
		}
	}))
	t.Cleanup(metadata.Close)
	w.Env["AWS_EC2_METADATA_SERVICE_ENDPOINT"], w.Env["AWS_EC2_METADATA_DISABLED"] = metadata.URL, "false"
	harness.Must(t, w.Write(".aws/config", "[profile instance]\nrole_arn = "+app+"\ncredential_source = Ec2InstanceMetadata\n"))
	for name, tc := range map[string]struct{ env, args []string }{
		"instance":                   {args: []string{"--source-profile", "instance"}},
		"default chain":              {},
		"default chain, a role":      {args: []string{"--role-arn", app}},
		"container endpoint":         {env: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + metadata.URL + "/credentials"}},
		"container endpoint, a role": {env: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + metadata.URL + "/credentials"}, args: []string{"--role-arn", app}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, m := range []string{"web", "web", "web", "db", "web", "db", "db"} {
				now.Store(m)
				cmd := w.Command(t, tc.args...)
				cmd.Env = append(cmd.Env, tc.env...)
				inNamespace(t, w, cmd, fmt.Sprintf("mount --bind %s /proc/sys/kernel/random/boot_id", filepath.Join(w.Dir, m)))
				r, direct := w.Directly(t, cmd)
				id, _ := w.STS.Lookup(w.Creds(t, r).AccessKeyId)
				if id.RoleARN == app {
					id, _ = w.STS.Lookup(id.IssuedTo)
				}
				if !strings.HasSuffix(id.ARN, "/i-"+m) {
					t.Errorf("call %d, on %s: got what is %s's", i, m, id.ARN)
				}
				if again := i == 1 || i == 2 || i == 6; direct != again {
					t.Errorf("call %d, on %s: answered directly: %v", i, m, direct)
				}
			}
		})
	}
}
