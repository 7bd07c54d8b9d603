package serve_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// raw sends bytes and gives the status of what comes back, 0 for nothing.
func raw(t *testing.T, address, text string) (status int, all string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	harness.Must(t, err)
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, text)
	b, _ := io.ReadAll(c)
	_, _ = fmt.Sscanf(string(b), "HTTP/1.1 %d", &status)
	return status, string(b)
}

// The guards are in front of every listener of the real server; package imds has the long table.
func TestServeRefusesHostileRequests(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	s := w.Serve(t, "--source-profile", "base", "--imds", "default", "--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--listen", "127.0.0.9:0")
	session, bearer := s.Session(t), s.Bearer(t)
	var addresses []string
	for line := range strings.Lines(s.Log.String()) {
		if _, a, ok := strings.Cut(strings.TrimSpace(line), "msg=listening address="); ok {
			addresses = append(addresses, a)
		}
	}
	if len(addresses) != 3 {
		t.Fatalf("listening on %q", addresses)
	}
	good := "Authorization: " + bearer + "\r\nX-aws-ec2-metadata-token: " + session + "\r\n"
	hostile := map[string]string{
		"host of a web page":           "Host: evil.example\r\n",
		"host with our port":           "Host: evil.example:PORT\r\n",
		"host that begins like ours":   "Host: 127.0.0.1.evil.example:PORT\r\n",
		"host with another port":       "Host: 127.0.0.1:1\r\n",
		"no host":                      "",
		"two hosts":                    "Host: 127.0.0.1:PORT\r\nHost: evil.example\r\n",
		"slirp's name for us":          "Host: 10.0.2.2:PORT\r\n",
		"docker's name for us":         "Host: host.docker.internal:PORT\r\n",
		"origin":                       "Host: 127.0.0.1:PORT\r\nOrigin: http://evil.example\r\n",
		"empty origin":                 "Host: 127.0.0.1:PORT\r\nOrigin:\r\n",
		"own origin":                   "Host: 127.0.0.1:PORT\r\nOrigin: http://127.0.0.1:PORT\r\n",
		"referer":                      "Host: 127.0.0.1:PORT\r\nReferer: http://evil.example/\r\n",
		"fetch metadata":               "Host: 127.0.0.1:PORT\r\nSec-Fetch-Site: none\r\n",
		"forwarded for":                "Host: 127.0.0.1:PORT\r\nX-Forwarded-For: 127.0.0.1\r\n",
		"forwarded for no address":     "Host: 127.0.0.1:PORT\r\nX-Forwarded-For:\r\n",
		"forwarded":                    "Host: 127.0.0.1:PORT\r\nForwarded: for=127.0.0.1\r\n",
		"a body":                       "Host: 127.0.0.1:PORT\r\nContent-Length: 2\r\n",
		"a header of more than 8 KiB":  "Host: 127.0.0.1:PORT\r\nX-Padding: " + strings.Repeat("x", 20<<10) + "\r\n",
		"a session token in two lines": "Host: 127.0.0.1:PORT\r\nX-aws-ec2-metadata-token: x\r\nAuthorization: x\r\n",
	}
	paths := []string{"/credentials/default", "/latest/" + harness.RolePath + "default", "/latest/" + harness.RolePath, "/nothing"}
	for _, address := range addresses {
		_, port, err := net.SplitHostPort(address)
		harness.Must(t, err)
		for _, path := range paths[:3] { // the requests are good but for what is added
			text := "GET " + path + " HTTP/1.1\r\nHost: " + address + "\r\nConnection: close\r\n" + good + "\r\n"
			if strings.HasPrefix(address, "127.0.0.9") {
				text = strings.Replace(text, address, "127.0.0.1:"+port, 1)
			}
			if status, _ := raw(t, address, text); status != 200 {
				t.Fatalf("%s%s: the good request gets %d", address, path, status)
			}
		}
		for name, headers := range hostile {
			for _, path := range paths {
				text := "GET " + path + " HTTP/1.1\r\nConnection: close\r\n" + strings.ReplaceAll(headers, "PORT", port) + good + "\r\n"
				status, all := raw(t, address, text)
				if status == 200 || status >= 300 && status < 400 || status >= 500 || strings.Contains(all, "ASIA") || strings.Contains(strings.ToLower(all), "access-control") {
					t.Errorf("%s, %s%s: %d %.100q", name, address, path, status, all)
				}
			}
		}
	}
	if strings.Contains(s.Log.String(), bearer) || strings.Contains(s.Log.String(), session) {
		t.Error("a token in the log")
	}
}

// Tokens that were made up, bent or left out.
func TestServeRefusesTokens(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	s := w.Serve(t, "--source-profile", "base", "--imds", "default")
	bearer := s.Bearer(t)
	for _, token := range []string{"", bearer + "x", bearer[:len(bearer)-1], "Bearer", "Bearer  " + bearer, strings.ToUpper(bearer)} {
		if a := s.Do(t, "GET", s.Base+"/credentials/default", "Authorization", token); a.Status != 403 || !strings.Contains(a.Body, `"code":"AccessDenied"`) {
			t.Errorf("Authorization %q: %d %s", token, a.Status, a.Body)
		}
	}
	session := []byte(s.Session(t))
	session[10] ^= 1
	for _, token := range []string{"", "AQAEA", string(session)} {
		if a := s.Metadata(t, token, harness.RolePath); a.Status != 401 {
			t.Errorf("session token %q: %d", token, a.Status)
		}
	}
	for _, ttl := range []string{"0", "-5", "21601", "soon", ""} {
		if a := s.Do(t, "PUT", s.Base+"/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", ttl); a.Status != 400 {
			t.Errorf("a life of %q: %d", ttl, a.Status)
		}
	}
}

// Another user of the machine gets not one byte, unless he is let in.
func TestServeOtherUser(t *testing.T) {
	t.Parallel()
	harness.OnlyLinux(t, "the kernel is asked whose a connection is")
	setpriv := harness.Need(t, "setpriv")
	if os.Geteuid() != 0 {
		t.Skip("needs root to be another user")
	}
	const other = 54321
	w := harness.NewWorld(t)
	refused := w.Serve(t, "--source-profile", "base")
	allowed := w.Serve(t, "--source-profile", "base", "--allow-uid", fmt.Sprint(other))
	open := w.Serve(t, "--source-profile", "base", "--no-uid-check")
	as := func(s *harness.Server) string {
		t.Helper()
		address := strings.TrimPrefix(s.Base, "http://")
		host, port, _ := strings.Cut(address, ":")
		script := fmt.Sprintf(`id -u; exec 3<>/dev/tcp/%s/%s && printf 'GET /credentials/default HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nConnection: close\r\n\r\n' >&3; cat <&3`,
			host, port, address, s.Bearer(t))
		cmd := exec.Command(setpriv, fmt.Sprintf("--reuid=%d", other), fmt.Sprintf("--regid=%d", other), "--clear-groups", "bash", "-c", script)
		cmd.Dir = "/"
		out, _ := cmd.Output()
		rest, ok := strings.CutPrefix(string(out), fmt.Sprintf("%d\n", other))
		if !ok {
			t.Fatalf("the client is not another user: %q", out)
		}
		return rest
	}
	for range 20 {
		if got := as(refused); got != "" {
			t.Fatalf("another user got %d bytes: %.100q", len(got), got)
		}
	}
	harness.Await(t, "the other user in the log", func() bool { return strings.Contains(refused.Log.String(), "guard=peer") })
	for what, s := range map[string]*harness.Server{"--allow-uid": allowed, "--no-uid-check": open} {
		if got := as(s); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Errorf("with %s: %.100q", what, got)
		}
	}
	refused.Creds(t, "default")
}

// What the server will not do, and what it says then.
func TestServeRefusesToStart(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\n[profile.ci]\nsource_profile = \"base\"\n"))
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	harness.Must(t, err)
	defer func() { _ = busy.Close() }()
	theirs := filepath.Join(w.Dir, "theirs")
	harness.Must(t, os.Mkdir(theirs, 0o700))
	loose := filepath.Join(w.Dir, "loose")
	harness.Must(t, os.Mkdir(loose, 0o700))
	harness.Must(t, os.Chmod(loose, 0o777))
	harness.Must(t, w.Write("precious", "precious\n"))
	harness.Must(t, w.Write("readable", "0123456789abcdef0123456789"))
	harness.Must(t, os.Chmod(filepath.Join(w.Dir, "readable"), 0o644))
	harness.Must(t, os.Symlink("precious", filepath.Join(w.Dir, "link")))
	harness.Must(t, syscall.Mkfifo(filepath.Join(w.Dir, "fifo"), 0o600))
	if os.Geteuid() == 0 {
		harness.Must(t, os.Chown(theirs, 54321, 54321))
	}
	for name, tc := range map[string]struct {
		args []string
		env  string
		code int
		says string
	}{
		"not loopback":             {args: []string{"--listen", "0.0.0.0:0"}, code: harness.ExitConfig, says: "not a loopback address"},
		"not loopback, no port":    {args: []string{"--listen", "192.0.2.1"}, code: harness.ExitUsage, says: "want an address and a port"},
		"every address":            {args: []string{"--listen", ":0"}, code: harness.ExitConfig, says: "want an IP address"},
		"a name":                   {args: []string{"--listen", "example.com:80"}, code: harness.ExitConfig, says: "want an IP address"},
		"metrics not on loopback":  {args: []string{"--metrics-listen", "0.0.0.0:0"}, code: harness.ExitUsage, says: "not a loopback address"},
		"a port in use":            {args: []string{"--listen", busy.Addr().String()}, code: harness.ExitConfig, says: "listens on"},
		"no such alias":            {args: []string{"--loopback-alias", "192.0.2.7"}, code: harness.ExitUsage, says: "ip addr add 192.0.2.7/32 dev lo"},
		"no such profile":          {args: []string{"--profile", "nobody"}, code: harness.ExitUsage, says: "nobody"},
		"settings for two":         {args: []string{"--profile", "dev", "--profile", "ci", "--duration", "1h"}, code: harness.ExitUsage, says: "--duration would hold for every profile"},
		"a code":                   {args: []string{"--mfa-code", "123456"}, code: harness.ExitUsage, says: "mfa-code"},
		"log level":                {args: []string{"--log-level", "loud"}, code: harness.ExitUsage, says: "loud"},
		"a token file that is not": {args: []string{"--token-file", filepath.Join(w.Dir, "precious")}, code: harness.ExitConfig, says: "something else than a token"},
		"a token others can read":  {args: []string{"--token-file", filepath.Join(w.Dir, "readable")}, code: harness.ExitConfig, says: "mode 0644"},
		"a link as token file":     {args: []string{"--token-file", filepath.Join(w.Dir, "link")}, code: harness.ExitConfig, says: "not a regular file"},
		"a FIFO as token file":     {args: []string{"--token-file", filepath.Join(w.Dir, "fifo")}, code: harness.ExitConfig, says: "not a regular file"},
		"an env-file that is not":  {args: []string{"--env-file", filepath.Join(w.Dir, "precious")}, code: harness.ExitConfig, says: "something else than the variables"},
		"a path for no env-file":   {args: []string{"--env-file", filepath.Join(w.Dir, "x.env"), "--token-file", filepath.Join(w.Dir, "a b", "token")}, code: harness.ExitConfig, says: "an env-file cannot hold"},
		"token in a loose place":   {args: []string{"--token-file", filepath.Join(loose, "token")}, code: harness.ExitConfig, says: "others may write"},
		"token in the temp dir":    {args: []string{"--token-file", "/tmp/sts-helper-test.token"}, code: harness.ExitConfig, says: "others may write"},
		"token in a foreign place": {args: []string{"--token-file", filepath.Join(theirs, "token")}, code: harness.ExitConfig, says: "belongs to uid 54321"},
		"foreign runtime dir":      {env: "XDG_RUNTIME_DIR=" + theirs, code: harness.ExitConfig, says: "belongs to uid 54321"},
		"loose runtime dir":        {env: "XDG_RUNTIME_DIR=" + loose, code: harness.ExitConfig, says: "others may use"},
		"variable that is wrong":   {env: "STS_HELPER_SERVE_ALLOW_UID=root", code: harness.ExitConfig, says: "STS_HELPER_SERVE_ALLOW_UID"},
		"its own source":           {args: []string{"--role-arn", "arn:aws:iam::" + harness.Account + ":role/x", "--listen", "127.0.0.1:46911"}, env: "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:46911/credentials/default", code: harness.ExitConfig, says: "leads back to this server"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(tc.says, "uid") && os.Geteuid() != 0 {
				t.Skip("needs root to make foreign directories")
			}
			args := []string{"serve", "--listen", "127.0.0.1:0"}
			if !strings.Contains(strings.Join(tc.args, " "), "profile") && !strings.Contains(strings.Join(tc.args, " "), "role") {
				args = append(args, "--source-profile", "base")
			}
			if strings.Contains(strings.Join(tc.args, " "), "--listen") {
				args = append(args[:1], args[3:]...)
			}
			cmd := w.Command(t, append(args, tc.args...)...)
			if tc.env != "" {
				cmd.Env = append(cmd.Env, tc.env)
			}
			stop := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() }) // one that does start
			defer stop.Stop()
			r := w.Finish(t, cmd)
			last := r.Stderr[strings.LastIndex(strings.TrimSuffix(r.Stderr, "\n"), "\n")+1:]
			if r.Code != tc.code || !strings.Contains(last, tc.says) || !strings.HasPrefix(last, "sts-helper: ") {
				t.Errorf("exit %d, want %d; %q does not say %q", r.Code, tc.code, r.Stderr, tc.says)
			}
		})
	}
	if b, err := os.ReadFile(filepath.Join(w.Dir, "precious")); err != nil || string(b) != "precious\n" {
		t.Errorf("the precious file is now %q", b)
	}
	if n := w.STS.Count(""); n != 0 {
		t.Errorf("%d calls of STS by servers that did not start", n)
	}
}

// With the flag that names the risk the container paths are open, and its health to who reaches it by loopback.
func TestServeExposed(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	s := w.Serve(t, "--source-profile", "base", "--imds", "default", "--listen", "127.0.0.1:0", "--listen", "0.0.0.0:0", "--expose-credentials-to-the-network")
	var exposed string
	for line := range strings.Lines(s.Log.String()) {
		if _, port, ok := strings.Cut(strings.TrimSpace(line), "msg=listening address=[::]:"); ok {
			exposed = port
		} else if _, port, ok := strings.Cut(strings.TrimSpace(line), "msg=listening address=0.0.0.0:"); ok {
			exposed = port
		}
	}
	base := "http://127.0.0.1:" + exposed
	if a := s.Do(t, "GET", base+"/credentials/default", "Authorization", s.Bearer(t)); a.Status != 200 {
		t.Errorf("container path: %d %s", a.Status, a.Body)
	}
	if a := s.Do(t, "GET", base+"/credentials/default"); a.Status != 403 {
		t.Errorf("container path without token: %d", a.Status)
	}
	for _, path := range []string{"/latest/api/token", "/latest/" + harness.RolePath} {
		if a := s.Do(t, "PUT", base+path, "X-aws-ec2-metadata-token-ttl-seconds", "60"); a.Status != 404 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	if a := s.Do(t, "GET", base+"/healthz"); a.Status != 200 || strings.TrimSpace(a.Body) != "ready" {
		t.Errorf("health: %d %s", a.Status, a.Body)
	}
}

// A client that asks before it sends, with nothing to send, gets its session token.
func TestServeExpectContinue(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	s := w.Serve(t, "--source-profile", "base", "--imds", "default")
	status, all := raw(t, strings.TrimPrefix(s.Base, "http://"), "PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"+
		"Expect: 100-continue\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	if status != 200 || !strings.Contains(strings.ToLower(all), "x-aws-ec2-metadata-token-ttl-seconds: 21600") {
		t.Errorf("%d: %s", status, all)
	}
	// With it, what an instance with a role has is there; without it, and with IMDSv1, nothing is.
	session := all[strings.LastIndex(all, "\r\n")+2:]
	info := s.Do(t, "GET", s.Base+"/latest/meta-data/iam/info", "X-aws-ec2-metadata-token", session)
	for _, key := range []string{`"Code"`, `"Success"`, `"LastUpdated"`, `"InstanceProfileArn"`} {
		if info.Status != 200 || !strings.Contains(info.Body, key) {
			t.Errorf("iam/info: %d, no %s: %s", info.Status, key, info.Body)
		}
	}
	for _, path := range []string{"/latest/meta-data/iam/security-credentials/", "/latest/meta-data/iam/info", "/latest/" + harness.RolePath} {
		if a := s.Do(t, "GET", s.Base+path); a.Status != 401 {
			t.Errorf("%s without a session: %d", path, a.Status)
		}
	}
}
