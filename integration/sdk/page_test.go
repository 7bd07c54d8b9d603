package sdk_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// section is a chapter of docs/clients.md: the files that it writes, by name, and the lines for a shell.
type section struct {
	files map[string]string
	lines []string
}

var fileHead = regexp.MustCompile(`^# ~/(\S+?)(?:,.*)?$`)

// clientsPage takes docs/clients.md apart, by the letters of its chapters; "" is what all begin with.
func clientsPage(t *testing.T) map[string]section {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(), "docs", "clients.md"))
	harness.Must(t, err)
	_, page, ok := strings.Cut(string(b), "## What to write\n")
	if !ok {
		t.Fatal("docs/clients.md does not say what to write")
	}
	all := map[string]section{}
	for i, text := range strings.Split(page, "\n### ") {
		letter := ""
		if i > 0 {
			letter = text[:1]
		}
		s := section{files: map[string]string{}}
		file := ""
		for line := range strings.Lines(text) {
			line, indented := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "    ")
			switch m := fileHead.FindStringSubmatch(line); {
			case !indented:
				file = ""
			case m != nil:
				file = m[1]
			case file != "":
				s.files[file] += line + "\n"
			default:
				s.lines = append(s.lines, line)
			}
		}
		all[letter] = s
	}
	return all
}

// Every line that docs/clients.md gives to write, with a program that needs it.
func TestClientsPage(t *testing.T) {
	inside(t)
	page := clientsPage(t)
	find := func(id string) *row {
		for _, r := range append(rows(), clients()...) {
			if r.id == id {
				return r
			}
		}
		t.Fatalf("no row %q", id)
		return nil
	}
	// Most of them are there wherever there is Go.
	for _, c := range []struct{ letter, id string }{
		{"A", "go"}, {"B", "minio"}, {"C", "go"}, {"D", "minio"}, {"E", "gov1"}, {"F", "gov1"}, {"F", "obstore"}, {"F", "gdal"}, {"G", "gov1"}, {"H", "gov1"},
	} {
		s, ok := page[c.letter]
		if !ok {
			t.Fatalf("no chapter %s", c.letter)
		}
		r := find(c.id)
		t.Run(c.letter+"/"+c.id, func(t *testing.T) {
			need(t, r.argv[0])
			lines := s.lines
			// A second way to go on after the server's line is for what has names of its own.
			if i := slices.Index(lines, "program"); i >= 0 && r.imds != "" {
				lines = append([]string{lines[0]}, lines[i+1:]...)
			} else if i >= 0 {
				lines = lines[:i+1]
			}
			theAddress.Lock()
			defer theAddress.Unlock()
			theECSAddress.Lock()
			defer theECSAddress.Unlock()
			w := newWorld(t)
			harness.Must(t, os.Remove(filepath.Join(w.Dir, ".aws", "credentials")))
			harness.Must(t, os.Remove(filepath.Join(w.Dir, ".aws", "config")))
			for _, files := range []map[string]string{page[""].files, s.files} {
				for name, text := range files {
					text = strings.NewReplacer("AKIA...", w.user.AccessKeyID, "secret_access_key = ...", "secret_access_key = "+w.user.SecretAccessKey,
						"/usr/local/bin/sts-helper", w.Bin).Replace(text)
					harness.Must(t, w.Write(name, text))
				}
			}
			w.mark()
			w.proves(t, r, w.types(t, r, lines))
		})
	}
}

// types has a shell do the lines of a page, with the row's program for "program". Who types sees that the server
// has begun; the shell waits for its env-file. In the end what it started is ended.
func (w *world) types(t *testing.T, r *row, lines []string) outcome {
	t.Helper()
	run := filepath.Join(w.Dir, "run")
	harness.Must(t, os.MkdirAll(run, 0o700))
	w.Env["XDG_RUNTIME_DIR"] = run
	delete(w.Env, "AWS_EC2_METADATA_DISABLED")
	for name, text := range map[string]string{
		"program": "exec " + strings.Join(r.argv, " ") + " >~/answer",
		// The address is there already.
		"sudo": `"$@" || [ "$1" = ip ]`,
	} {
		harness.Must(t, w.Write("bin/"+name, "#!/bin/sh\n"+text+"\n"))
		harness.Must(t, os.Chmod(filepath.Join(w.Dir, "bin", name), 0o700))
	}
	text := ""
	for _, line := range lines {
		text += line + "\n"
		if strings.HasSuffix(line, "&") {
			text += "while [ ! -s ~/.aws/dev.env ]; do kill -0 $! || exit 9; sleep 0.05; done\n"
		}
	}
	log, err := os.Create(filepath.Join(w.Dir, "log"))
	harness.Must(t, err)
	defer log.Close()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-ec", text)
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.Dir, log, log
	env := inRegion()
	if r.env != nil {
		env = append(env, r.env(w)...)
	}
	cmd.Env = w.Environ(append(env, "PATH="+filepath.Join(w.Dir, "bin")+":"+filepath.Dir(w.Bin)+":/usr/sbin:/usr/bin:/sbin:/bin")...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	r0 := harness.Finish(cmd)
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	said, _ := os.ReadFile(log.Name())
	answered, _ := os.ReadFile(filepath.Join(w.Dir, "answer"))
	o := outcome{code: r0.Code, output: string(said) + string(answered), wall: r0.Wall}
	if strings.Contains(o.output, harness.Canary) {
		t.Errorf("a secret is shown:\n%s", o.output)
	}
	if err := json.Unmarshal(answered, &o.answer); err != nil && o.code == 0 && !r.s3 {
		t.Fatalf("not an answer: %v\n%s", err, o.output)
	}
	return o
}
