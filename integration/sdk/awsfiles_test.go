package sdk_test

import (
	"bufio"
	"encoding/pem"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/integration/awsfiles"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// driver is a program that says what an SDK takes from the shared files, line by line.
type driver struct {
	column string
	argv   []string
	needs  []string // besides the program
}

func drivers() []driver {
	python := filepath.Join(tools, "python", "bin", "python")
	java := filepath.Join(tools, "java")
	return []driver{
		{"boto3", []string{python, here("python/profiles.py")}, nil},
		{"awscli", []string{python, here("python/profiles.py"), "--cli"}, nil},
		{"js", []string{lookPath("node"), filepath.Join(tools, "js", "profiles.js")}, []string{filepath.Join(tools, "js", "profiles.js")}},
		{"java", []string{lookPath("java"), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", java + ":" + filepath.Join(java, "lib", "*"), "Profiles"}, []string{filepath.Join(java, "Profiles.class")}},
		{"rust", []string{filepath.Join(tools, "rust", "profiles")}, nil},
	}
}

// Every cell of docs/aws-files.md is what the SDK does.
func TestSharedFiles(t *testing.T) {
	inside(t)
	plain, secure := httptest.NewServer(awsfiles.STS{}), httptest.NewTLSServer(awsfiles.STS{})
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	dirs := map[string]string{}
	for _, r := range awsfiles.Rows() {
		dirs[r.ID] = t.TempDir()
		if err := r.Write(dirs[r.ID], ca); err != nil {
			t.Fatal(err)
		}
	}
	all, missing := awsfiles.Cells(), false
	docs := os.Getenv(docsVariable)
	for _, d := range drivers() {
		t.Run(d.column, func(t *testing.T) {
			missing = true
			for _, file := range append(d.needs, d.argv[0]) {
				need(t, file)
			}
			missing = false
			ask := start(t, d.argv)
			for _, r := range awsfiles.Rows() {
				url := plain.URL
				if r.TLS() {
					url = secure.URL
				}
				dir := dirs[r.ID]
				line := ask(strings.Join([]string{filepath.Join(dir, "config"), filepath.Join(dir, "credentials"), r.Name(), r.What(), url}, "\t"))
				state, value, _ := strings.Cut(line, "\t")
				value = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "").Replace(value)
				if r.Ask == awsfiles.Credentials {
					value = awsfiles.Readable(value)
				}
				cell := awsfiles.Cell(state, value)
				switch {
				case cell == all[r.ID][d.column]:
				case docs != "":
					t.Logf("%s was %s, is %s (%s)", r.ID, all[r.ID][d.column], cell, line)
					if all[r.ID] == nil {
						all[r.ID] = map[string]string{}
					}
					all[r.ID][d.column] = cell
				default:
					t.Errorf("%s is %s, and the table says %s (%s)", r.ID, cell, all[r.ID][d.column], line)
				}
			}
		})
	}
	if docs == "" || missing || t.Failed() {
		return
	}
	file := filepath.Join(docs, "aws-files.md")
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := awsfiles.Splice(string(old), awsfiles.Render(all))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root(), "integration", "awsfiles", "cells.tsv"), []byte(awsfiles.Encode(all)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// start runs a driver; what is returned asks it one question.
func start(t *testing.T, argv []string) func(question string) string {
	t.Helper()
	cmd := exec.CommandContext(harness.Context(t), argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_EC2_METADATA_DISABLED=true", "LANG=C.UTF-8", "AWS_PAGER="}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal: nothing is asked of the user who runs the tests
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errors strings.Builder
	cmd.Stderr = &errors
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	lines := bufio.NewReader(out)
	return func(question string) string {
		t.Helper()
		if _, err := io.WriteString(in, question+"\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%q: %v\n%s", question, err, errors.String())
		}
		return strings.TrimSuffix(answer, "\n")
	}
}
