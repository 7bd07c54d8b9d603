package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/nodeagent"
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

// The list of a node's agent and the profiles that it names are of one time: when both are replaced while they are read, they
// are read again, and with neither the old list goes with the new profiles.
func TestNodeFilesAreReadTogether(t *testing.T) {
	home := t.TempDir()
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, "volume"), "XDG_CACHE_HOME": "", "AWS_CONFIG_FILE": "", "AWS_SHARED_CREDENTIALS_FILE": "", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	write := func(path, text string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(home, "volume")
	replace := func(data string) {
		if err := os.Symlink(data, link+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(home, "identity"), "CANARY")
	for _, name := range []string{"old", "new"} {
		dir := filepath.Join(home, name)
		config := ""
		for _, profile := range []string{"old", "new"} {
			config += "[profile." + profile + "]\nrole_arn = \"arn:aws:iam::111122223333:role/" + name + "\"\nweb_identity_token_file = " + strconv.Quote(filepath.Join(home, "identity")) + "\nregion = \"eu-west-1\"\n"
		}
		write(filepath.Join(dir, "sts-helper", "config.toml"), config)
		write(filepath.Join(dir, "pods"), "shop/web "+name+"\n")
	}
	for _, always := range []bool{false, true} {
		replace("old")
		swaps := 0
		env := settings.ProcessEnvironment()
		env.HomeDir = func() string { return home }
		config := settings.ConfigPath(env)
		env.Reading = func(path string) {
			if path == config && (swaps == 0 || always) {
				swaps++
				replace([]string{"old", "new"}[swaps%2])
			}
		}
		e := &endpoint{
			env: env, log: slog.New(slog.DiscardHandler), flags: serveFlags{node: true, nodePods: filepath.Join(link, "pods")},
			settings: settings.Flags{"cache-dir": {filepath.Join(home, "cache")}}, agent: &nodeagent.Agent{},
		}
		plan, _, err := e.load()
		switch {
		case always:
			if err == nil || !strings.Contains(err.Error(), "each time") {
				t.Errorf("replaced each time: %v", err)
			}
		case err != nil:
			t.Error(err)
		default:
			if p := plan.profiles; len(p) != 1 || p[0].Name != "new" || p[0].RoleARN != "arn:aws:iam::111122223333:role/new" {
				t.Errorf("the rules of one time with the profiles of another: %+v", p)
			}
		}
	}
}
