//go:build unix

package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/internal/settings"
)

func TestConfigFileOthersCanWrite(t *testing.T) {
	w := newWorld(t).toml("[profile.default]\n")
	path := filepath.Join(w.home, ".config/sts-helper/config.toml")
	for mode, bad := range map[os.FileMode]bool{0o600: false, 0o644: false, 0o444: false, 0o620: true, 0o602: true, 0o666: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if bad {
			w.fail(settings.Config, []string{tomlName, "others may write to it", "chmod go-w ~/"})
		} else {
			w.load()
		}
	}
	if os.Getuid() == 0 { // only root can give files away
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		w.fail(settings.Config, []string{"uid 12345", "chown 0 ~/"})
	}
}

// A file that every user of the machine may change, or replace, is not read: it names programs that
// are run.
func TestFilesOfEveryone(t *testing.T) {
	for _, name := range []string{".aws/config", ".aws/credentials", ".config/sts-helper/config.toml"} {
		for _, tc := range []struct {
			file, dir os.FileMode
			bad       string // the part of the message, "" where the file is read
		}{
			{0o600, 0o700, ""},
			{0o644, 0o755, ""},
			{0o644, 0o775, ""}, // umask 002
			{0o600, 0o777 | os.ModeSticky, ""},
			{0o600, 0o777, "write to its directory (mode 0777)"},
			{0o666, 0o700, "write to it (mode 0666)"},
		} {
			w := newWorld(t).toml("[profile.default]\n")
			w.write(".aws/config", "[default]\nregion = eu-west-1\n")
			w.write(".aws/credentials", "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARY\n")
			path := filepath.Join(w.home, name)
			if err := errors.Join(os.Chmod(path, tc.file), os.Chmod(filepath.Dir(path), tc.dir)); err != nil {
				t.Fatal(err)
			}
			if tc.bad == "" {
				w.load()
			} else {
				w.fail(settings.Config, []string{filepath.Base(filepath.Dir(path)), tc.bad, "run: chmod "})
			}
			if err := os.Chmod(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFilesThatAreNone has what must neither hang nor be read.
func TestFilesThatAreNone(t *testing.T) {
	for _, file := range []string{".config/sts-helper/config.toml", ".aws/config", ".aws/credentials"} {
		for what, make := range map[string]func(path string) error{
			"FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"directory": func(path string) error { return os.Mkdir(path, 0o700) },
			"too large": func(path string) error {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					return err
				}
				return os.Truncate(path, settings.MaxFile+1)
			},
			"huge": func(path string) error { // sparse; to make room for it would be fatal
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					return err
				}
				return os.Truncate(path, 1<<42)
			},
			"device": func(path string) error { return os.Symlink("/dev/zero", path) },
		} {
			w := newWorld(t)
			path := filepath.Join(w.home, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := make(path); err != nil {
				t.Fatal(err)
			}
			w.fail(settings.Config, []string{"~/" + file, "cannot read"})
			if file[:4] == ".aws" { // not needed, so not in the way
				w.set("AWS_ACCESS_KEY_ID=AKIAENV", "AWS_SECRET_ACCESS_KEY=CANARY").load()
				t.Log(what)
			}
		}
	}
	// A file in the place of a directory means that there is no file, and so do the null
	// device and a dangling link.
	w := newWorld(t).write(".aws", "").write(".config", "")
	w.load()
	newWorld(t).set("AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null").load()
}
