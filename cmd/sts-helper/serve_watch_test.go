package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/sts-helper/sts-helper/internal/settings"
)

// A file that changes after it was read, while the rest of the settings is, is one that
// changed; and one that does not is not.
func TestWatchBeginsBeforeReading(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	keys := filepath.Join(home, ".aws", "credentials")
	if err := os.Mkdir(filepath.Dir(keys), 0o700); err != nil {
		t.Fatal(err)
	}
	const text = "[base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARY\n[ci]\naws_access_key_id = AKIAI44QH8DHBEXAMPLE\naws_secret_access_key = CANARY\n"
	for _, changes := range []bool{false, true} {
		if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		reads := 0
		env := settings.ProcessEnvironment()
		env.HomeDir = func() string { return home }
		env.Reading = func(path string) {
			if path != keys {
				return
			}
			// Read once already, and to be read again for the next profile.
			if reads++; reads == 2 && changes {
				if err := os.WriteFile(keys, []byte(text+"# later\n"), 0o600); err != nil {
					t.Error(err)
				}
			}
		}
		e := &endpoint{
			env: env, log: slog.New(slog.NewTextHandler(io.Discard, nil)), flags: serveFlags{profiles: []string{"base", "ci"}},
			settings: settings.Flags{"cache-dir": {filepath.Join(home, "cache")}},
		}
		_, seen, err := e.load()
		if err != nil {
			t.Fatal(err)
		}
		e.setWatched(seen)
		if reads < 2 || len(e.files) == 0 {
			t.Fatalf("%d reads, %d files watched", reads, len(e.files))
		}
		if why := e.poll(); (why != "") != changes {
			t.Errorf("changed %v: %q", changes, why)
		}
	}
}

// An edit that leaves size and time as they were is an edit.
func TestWatchSeesTheContent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("role_arn = a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := filesSeen{file: lookAt(file)}
	info := seen[file].info
	if len(seen.changed()) > 0 {
		t.Error("it has not changed")
	}
	if err := os.WriteFile(file, []byte("role_arn = b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if len(seen.changed()) == 0 {
		t.Error("the edit is not seen")
	}
	if len(seen.changed()) > 0 {
		t.Error("it is seen twice")
	}
}
