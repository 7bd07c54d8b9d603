package serve_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// imageUser is the user of the image.
const imageUser = 65532

// buildImage builds the image as "make image" does, and gives its id.
func (p *podman) buildImage(program, licences, tag string) string {
	p.t.Helper()
	root, err := harness.Root()
	harness.Must(p.t, err)
	return strings.TrimSpace(p.sh(p.t, fmt.Sprintf("SOURCE_DATE_EPOCH=1700000000 PODMAN='%s' %s %s %s 1.2.3 abcdef %s %s 2>/dev/null",
		strings.Join(p.base, " "), filepath.Join(root, "packaging", "image", "build.sh"), program, licences, runtime.GOARCH, tag)))
}

// secureSTS is an STS inside the network, with HTTPS under an authority of its own.
func secureSTS(t *testing.T, n *network, caFile string) emulator.Description {
	t.Helper()
	cmd := n.enter(exec.CommandContext(t.Context(), harness.Program(t, "sts-emulator"), "--tls", "--ca-file", caFile, "--until-stdin-closes"))
	in, err := cmd.StdinPipe()
	harness.Must(t, err)
	out, err := cmd.StdoutPipe()
	harness.Must(t, err)
	harness.Must(t, cmd.Start())
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	harness.Must(t, err)
	var d emulator.Description
	harness.Must(t, json.Unmarshal(line, &d))
	return d
}

// The image as it is shipped: what is in it, that it is the same when built again, and that it serves, without root and
// on a file system that cannot be written to, from an STS behind a private authority. The others wait by its health.
func TestImage(t *testing.T) {
	harness.OnlyLinux(t, "the kernel is asked whose a connection is")
	harness.Long(t, "starts containers")
	t.Parallel()
	n := newNetwork(t)
	p := newPodman(t, n)
	licences := filepath.Join(n.dir, "licences")
	harness.Must(t, os.WriteFile(licences, []byte("licences of others\n"), 0o644))
	id := p.buildImage(harness.Binary(t), licences, "sts-helper")
	if again := p.buildImage(harness.Binary(t), licences, "again"); len(id) != 64 || again != id {
		t.Errorf("built twice: %q and %q", id, again)
	}
	podman := strings.Join(p.base, " ")
	var images []struct {
		Size   int64
		Config struct {
			User       string
			Entrypoint []string
			Labels     map[string]string
		}
		HealthCheck struct{ Test []string }
	}
	harness.Must(t, json.Unmarshal([]byte(p.sh(t, podman+" image inspect sts-helper 2>/dev/null")), &images))
	image := images[0]
	if c := image.Config; c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/sts-helper"}) ||
		c.Labels["org.opencontainers.image.version"] != "1.2.3" || c.Labels["org.opencontainers.image.revision"] != "abcdef" || c.Labels["org.opencontainers.image.licenses"] != "Apache-2.0" {
		t.Errorf("its configuration: %+v", c)
	}
	if !slices.Equal(image.HealthCheck.Test, []string{"CMD", "/sts-helper", "healthcheck"}) {
		t.Errorf("its health check: %q", image.HealthCheck.Test)
	}
	program, err := os.Stat(harness.Binary(t))
	harness.Must(t, err)
	if image.Size > program.Size()+1<<20 {
		t.Errorf("it has %d bytes, and the program %d", image.Size, program.Size())
	}
	files := p.sh(t, podman+" create --name look sts-helper >/dev/null 2>&1; "+podman+" export look | tar -tf - | grep -v '^\\(dev\\|proc\\|sys\\|etc\\|run\\)/' | sort; "+podman+" rm look >/dev/null 2>&1")
	if want := "creds/\nhome/\nhome/sts-helper/\nlicences/\nlicences/LICENSE\nlicences/THIRD-PARTY-LICENCES\nsts-helper\n"; files != want {
		t.Errorf("it has\n%s\nand should have\n%s", files, want)
	}

	sts := secureSTS(t, n, filepath.Join(n.dir, "ca.pem"))
	aws := filepath.Join(n.dir, "aws")
	harness.Must(t, os.Mkdir(aws, 0o700))
	harness.Must(t, os.WriteFile(filepath.Join(aws, "credentials"), fmt.Appendf(nil, "[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		sts.Users[0].AccessKeyID, sts.Users[0].SecretAccessKey), 0o600))
	for _, name := range []string{aws, filepath.Join(aws, "credentials")} {
		harness.Must(t, os.Chown(name, imageUser, imageUser))
	}
	start := func(name, port string, more ...string) {
		t.Helper()
		started := p.runImage("sts-helper", fmt.Sprintf("--detach --name %s --network host --read-only --cap-drop all --security-opt no-new-privileges --tmpfs /home/sts-helper/.cache:mode=1777 -e AWS_ENDPOINT_URL_STS=%s -e AWS_CA_BUNDLE=/ca.pem -e STS_HELPER_SERVE_LISTEN=127.0.0.1:%s -v %s:/ca.pem:ro -v %s:/home/sts-helper/.aws:ro -v %s:/creds",
			name, sts.URL, port, filepath.Join(n.dir, "ca.pem"), aws, name),
			append([]string{"serve", "--source-profile", "base", "--imds", "default", "--token-file", "/creds/aws/token"}, more...)...)
		t.Cleanup(func() { _ = n.run(t, nil, "/bin/sh", "-c", podman+" rm --force --time 5 "+name) })
		if len(started) != 64 {
			t.Fatalf("the sidecar: %q", started)
		}
		harness.Await(t, "its health", func() bool {
			return n.run(t, nil, "/bin/sh", "-c", podman+" healthcheck run "+name+" >/dev/null 2>&1 && echo healthy") == "healthy"
		})
	}
	start("alone", "9911")
	start("shared", "9912", "--allow-uid", "0", "--allow-uid", "1001")
	client := func(server, port, options string) string {
		return p.run(fmt.Sprintf("--network container:%s %s -v %s:/creds:ro -e AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:%s/credentials/default -e AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/creds/aws/token",
			server, options, server, port), "/probe", "sdk")
	}
	imds := func(server, port, options string) string {
		return p.run(fmt.Sprintf("--network container:%s %s -e AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:%s/", server, options, port), "/probe", "sdk")
	}
	// The table "Containers of another user" of docs/serve.md, line by line.
	for _, tc := range []struct {
		name, got, want string
	}{
		{"the same user", client("alone", "9911", "--user 65532"), "by CredentialsEndpointProvider"},
		{"the same user, by IMDS", imds("alone", "9911", "--user 65532"), "by EC2RoleProvider"},
		{"another user", p.run("--network container:alone --user 1001", "/probe", "get", "http://127.0.0.1:9911/healthz"), "reset"},
		{"root", p.run("--network container:alone --user 0", "/probe", "get", "http://127.0.0.1:9911/healthz"), "reset"},
		{"root that is let in", client("shared", "9912", "--user 0"), "by CredentialsEndpointProvider"},
		{"root that is let in, without capabilities", client("shared", "9912", "--user 0 --cap-drop all"), "permission denied"},
		{"root that is let in, without capabilities, by IMDS", imds("shared", "9912", "--user 0 --cap-drop all"), "by EC2RoleProvider"},
		{"another user that is let in", client("shared", "9912", "--user 1001"), "permission denied"},
		{"another user that is let in, by IMDS", imds("shared", "9912", "--user 1001"), "by EC2RoleProvider"},
		{"one more user", p.run("--network container:shared --user 1002", "/probe", "get", "http://127.0.0.1:9912/healthz"), "reset"},
	} {
		if !strings.Contains(tc.got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, tc.got, tc.want)
		}
	}
	if ids := p.sh(t, podman+" exec alone /sts-helper version 2>&1; "+podman+" top alone huser,user 2>/dev/null | tail -n 1"); !strings.Contains(ids, "65532") {
		t.Errorf("the user inside: %s", ids)
	}
}
