package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// world is a home directory with its variables.
type world struct {
	t    testing.TB
	home string
	vars map[string]string

	homeless bool // there is no home directory
	fleet    string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return &world{t: t, home: t.TempDir(), vars: map[string]string{}}
}

func (w *world) write(path, content string) *world {
	w.t.Helper()
	path = filepath.Join(w.home, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w
}

func (w *world) config(content string) *world      { return w.write(".aws/config", content) }
func (w *world) credentials(content string) *world { return w.write(".aws/credentials", content) }
func (w *world) toml(content string) *world {
	return w.write(".config/sts-helper/config.toml", content)
}

// machine writes the fleet's file.
func (w *world) machine(content string) *world {
	w.fleet = filepath.Join(w.home, "etc", "config.toml")
	return w.write("etc/config.toml", content)
}

// set sets variables, "NAME=value" each.
func (w *world) set(vars ...string) *world {
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		w.vars[name] = value
	}
	return w
}

func (w *world) env() settings.Environment {
	env := settings.Environment{
		Getenv:   func(name string) string { return w.vars[name] },
		HomeDir:  w.homeDir,
		UserName: func() string { return "ada" },
		Program:  "profile.test",
	}
	if w.fleet != "" {
		env = settings.WithFleet(env, w.fleet)
	}
	return env
}

func (w *world) homeDir() string {
	if w.homeless {
		return ""
	}
	return w.home
}

// flags reads "--name=value" and "--name" as the command does.
func flags(args ...string) settings.Flags {
	f := settings.Flags{}
	for _, a := range args {
		name, value, ok := strings.Cut(strings.TrimPrefix(a, "--"), "=")
		if !ok {
			value = "true"
		}
		f.Set(name, value)
	}
	return f
}

// load is Load of flags that must be good.
func (w *world) load(args ...string) *request.Request {
	w.t.Helper()
	r, err := settings.Load(flags(args...), w.env())
	if err != nil {
		w.t.Fatalf("%q: %v", args, err)
	}
	return r
}

// ofHome is a path below the home of Windows.
var ofHome = regexp.MustCompile(`~\\\S*`)

// slashes is a text with the paths below the home as they are elsewhere.
func slashes(text string) string {
	if runtime.GOOS != "windows" {
		return text
	}
	return ofHome.ReplaceAllStringFunc(text, func(path string) string { return strings.ReplaceAll(path, `\`, "/") })
}

// fail is Load of flags that must be refused: as that kind, on one line that has all the
// words, and without a secret.
func (w *world) fail(kind settings.ErrorKind, want []string, args ...string) {
	w.t.Helper()
	r, err := settings.Load(flags(args...), w.env())
	if err == nil {
		w.t.Errorf("%q: no error, want %q; got %+v", args, want, r)
		return
	}
	var pe *settings.Error
	if !errors.As(err, &pe) {
		w.t.Errorf("%q: error %v is no *settings.Error", args, err)
		return
	}
	text := slashes(strings.ReplaceAll(err.Error(), w.home, "~"))
	if pe.Kind != kind {
		w.t.Errorf("%q: kind %d, want %d: %s", args, pe.Kind, kind, text)
	}
	for _, s := range want {
		if !strings.Contains(text, s) {
			w.t.Errorf("%q: error lacks %q: %s", args, s, text)
		}
	}
	if strings.Contains(text, "CANARY") {
		w.t.Errorf("%q: error shows a secret: %s", args, text)
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == 0x7f {
			w.t.Errorf("%q: error has control characters: %q", args, text)
			break
		}
	}
	if strings.HasSuffix(text, ".") {
		w.t.Errorf("%q: error ends in a full stop: %s", args, text)
	}
}

const baseKeys = "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = CANARYbase\n"
