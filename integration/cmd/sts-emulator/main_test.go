package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type line struct {
	URL   string
	Admin string
	PID   int
	Env   map[string]string
	Users []struct {
		Name        string
		AccessKeyID string `json:"access_key_id"`
	}
}

// serve runs the command until end is called, and reads its line.
func serve(t *testing.T, args ...string) (l line, end func() error) {
	t.Helper()
	in, stdin := io.Pipe()
	out, stdout := io.Pipe()
	result := make(chan error, 1)
	go func() {
		err := run(append(args, "--until-stdin-closes"), in, stdout)
		stdout.CloseWithError(err)
		result <- err
	}()
	text, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatal(err)
	}
	return l, func() error { stdin.Close(); return <-result }
}

func TestServesTheDemoUntilStdinCloses(t *testing.T) {
	l, end := serve(t)
	if l.PID != os.Getpid() || len(l.Users) < 3 || l.Users[0].Name != "alice" || l.Env["AWS_ACCESS_KEY_ID"] != l.Users[0].AccessKeyID || l.Env["AWS_ENDPOINT_URL_STS"] != l.URL {
		t.Errorf("%+v", l)
	}
	res, err := http.Get(l.Admin + "counts")
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%v %v", res, err)
	}
	res.Body.Close()
	if err := end(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(l.Admin + "counts"); err == nil {
		t.Error("still there")
	}
}

func TestWorldFileAndTLS(t *testing.T) {
	dir := t.TempDir()
	world, ca := filepath.Join(dir, "world.json"), filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(world, []byte(`{"users":[{"account":"111122223333","name":"zoe"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	l, end := serve(t, "--world", world, "--tls", "--ca-file", ca)
	defer end()
	pem, err := os.ReadFile(ca)
	if err != nil || !strings.Contains(string(pem), "BEGIN CERTIFICATE") || l.Env["AWS_CA_BUNDLE"] != ca {
		t.Errorf("%v %q", err, l.Env["AWS_CA_BUNDLE"])
	}
	if len(l.Users) != 1 || l.Users[0].Name != "zoe" || !strings.HasPrefix(l.URL, "https://127.0.0.1:") {
		t.Errorf("%+v", l)
	}
}

func TestUsageErrors(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"usres":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"extra"}, {"--world", bad}, {"--world", bad + "x"}, {"--ca-file", "x"}, {"--listen", "0.0.0.0:0"},
	} {
		if err := run(args, strings.NewReader(""), io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
