package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// server shows the endpoint: what it writes, what it answers, whom it refuses, and an SDK
// that finds it by two variables.
func server(ctx context.Context, s *stage) (err error) {
	envFile := filepath.Join(s.home.Dir, "aws.env")
	run := filepath.Join(s.home.Dir, "run")
	if err := os.MkdirAll(run, 0o700); err != nil {
		return err
	}
	s.home.Env["XDG_RUNTIME_DIR"] = run
	s.sts.ResetCounts()
	cmd := s.home.Command(ctx, "serve", "--source-profile", "base", "--imds", "default", "--listen", "127.0.0.1:0", "--env-file", envFile)
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if werr := cmd.Wait(); err == nil {
			err = werr
		}
	}()
	text, err := waitFor(ctx, envFile)
	if err != nil {
		return err
	}
	say("   $ sts-helper serve --source-profile base --imds default --env-file aws.env &\n   $ cat aws.env\n%s", indent3(text))
	env := map[string]string{}
	for line := range lines(text) {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	token, err := os.ReadFile(env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
	if err != nil {
		return err
	}
	uri, base := env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], strings.TrimSuffix(env["AWS_EC2_METADATA_SERVICE_ENDPOINT"], "/")
	session := ""
	for _, step := range []struct{ shown, method, url, name, value string }{
		{`curl -H "Authorization: $(cat $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE)" $AWS_CONTAINER_CREDENTIALS_FULL_URI`, "GET", uri, "Authorization", string(token)},
		{`curl $AWS_CONTAINER_CREDENTIALS_FULL_URI                           # without the token`, "GET", uri, "", ""},
		{`curl -H "Origin: https://evil.example" ...                         # from a web page, token or not`, "GET", uri, "Origin", "https://evil.example"},
		{`T=$(curl -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" ${AWS_EC2_METADATA_SERVICE_ENDPOINT}latest/api/token)`, "PUT", base + "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60"},
		{`curl -H "X-aws-ec2-metadata-token: $T" .../latest/meta-data/iam/security-credentials/default`, "GET", base + "/latest/meta-data/iam/security-credentials/default", "X-aws-ec2-metadata-token", "T"},
	} {
		if step.value == "T" {
			step.value = session
		}
		status, body, err := ask(ctx, step.method, step.url, step.name, step.value)
		if err != nil {
			return err
		}
		if step.method == "PUT" {
			session = body
			body = body[:12] + "..."
		}
		say("   $ %s\n   %s %s", step.shown, status, cut(body))
	}
	program := exec.CommandContext(ctx, s.whoami)
	program.Env = append(s.home.Environ(), "AWS_REGION=eu-west-1",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI="+uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
	r := harness.Finish(program)
	if r.Code != 0 {
		return errors.New(r.Stderr)
	}
	say("\n   The AWS SDK, with those variables and no profile at all:\n   $ env $(cat aws.env) whoami\n   %s", strings.TrimSpace(r.Stdout))
	calls := s.sts.Count("GetSessionToken")
	say("\n   Calls of GetSessionToken for all of this: %d. The server shares the cache of the processes above.", calls)
	if calls != 0 {
		return fmt.Errorf("%d calls, where the cache had a token", calls)
	}
	return nil
}

// waitFor gives the content of a file that is about to be written.
func waitFor(ctx context.Context, name string) (string, error) {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(name)
		if err == nil || time.Now().After(end) || ctx.Err() != nil {
			return string(b), err
		}
	}
}

func ask(ctx context.Context, method, url, name, value string) (status, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return "", "", err
	}
	if name != "" {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.Status, string(b), err
}

func indent3(s string) string {
	var out strings.Builder
	for line := range lines(s) {
		out.WriteString("   " + line + "\n")
	}
	return out.String()
}
