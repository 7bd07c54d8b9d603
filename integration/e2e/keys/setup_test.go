package keys_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// classic is a home as the AWS CLI's documents make it: a key, and a role that builds on it.
func classic(t *testing.T) (w *world, before map[string]string) {
	t.Helper()
	w = newWorld(t)
	w.STS.AddRole(harness.Account, "deploy")
	before = map[string]string{
		".aws/credentials": fmt.Sprintf("# mine\n[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", w.User.AccessKeyID, w.User.SecretAccessKey),
		".aws/config":      "[profile base]\nregion = eu-west-1\n[profile dev]\nrole_arn = arn:aws:iam::" + harness.Account + ":role/deploy\nsource_profile = base\n",
	}
	for name, text := range before {
		harness.Must(t, w.Write(name, text))
	}
	return w, before
}

// undone fails unless setup --remove gives the same bytes back.
func (w *world) undone(t *testing.T, before map[string]string) harness.Result {
	t.Helper()
	r := w.ok(t, w.Run(t, "setup", "--remove", "--yes"))
	for name, text := range before {
		if got := w.Read(t, name); got != text {
			t.Errorf("%s, undone: %q", name, got)
		}
	}
	return r
}

// setup --move-keys can put keys into a store; what used them goes on with the stored key, and undoing gives the
// key back.
func TestSetupMovesKeysIntoAStore(t *testing.T) {
	t.Parallel()
	w, before := classic(t)
	r := w.ok(t, w.Run(t, "setup", "--move-keys", "--store", "system", "--yes"))
	for _, want := range []string{"\n+[profile.base]\n+source_key = \"base\"\n", "\n+[profile.dev]\n+source_key = \"base\"\n", "\nstored " + w.User.AccessKeyID + " in the Secret Service as base: " + w.User.ARN + "\n", "base works: ", "dev works: "} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("no %q in %s", want, r.Stdout)
		}
	}
	if strings.Contains(r.Stdout, harness.Canary) || !strings.Contains(r.Stderr, "still has the key that was moved") {
		t.Errorf("%s%s", r.Stdout, r.Stderr)
	}
	w.clean(t)
	if secrets := w.store.Secrets(); len(secrets) != 1 {
		t.Errorf("%d secrets are stored", len(secrets))
	}
	for _, name := range []string{"base", "dev"} {
		w.Creds(t, w.Run(t, "--profile", name))
	}
	if r := w.ok(t, w.Run(t, "setup", "--move-keys", "--store", "system", "--yes")); !strings.Contains(r.Stdout, "nothing to change") {
		t.Errorf("a second run: %q", r.Stdout)
	}
	if r := w.undone(t, before); !strings.Contains(r.Stdout, "key "+w.User.AccessKeyID+" is in the Secret Service, too; to delete it there, run: sts-helper keys remove base") {
		t.Errorf("%q", r.Stdout)
	}
	// What is in the store already is taken for the same; for a program all is in one document.
	r = w.ok(t, w.Run(t, "setup", "--move-keys", "--store", "auto", "--yes", "--output", "json"))
	var doc struct {
		Stored []struct {
			Name, Store string
			AccessKeyID string `json:"access_key_id"`
		}
		Tried []struct{ Works bool }
	}
	if err := json.Unmarshal([]byte(r.Stdout), &doc); err != nil || len(doc.Stored) != 1 || doc.Stored[0].Name != "base" || doc.Stored[0].Store != "system" || doc.Stored[0].AccessKeyID != w.User.AccessKeyID ||
		len(doc.Tried) != 2 || !doc.Tried[0].Works || !doc.Tried[1].Works {
		t.Errorf("%v, %s", err, r.Stdout)
	}
	// Undone after a rotation, the file has a key that AWS does not know any more, and that is said.
	w.ok(t, w.Run(t, "keys", "rotate", "base"))
	if r := w.undone(t, before); !strings.Contains(r.Stderr, "warning: profile \"base\" has key "+w.User.AccessKeyID+" again, which was rotated since") {
		t.Errorf("%q", r.Stderr)
	}
}

// On a terminal the store is asked for, before the changes are shown.
func TestSetupAsksForTheStore(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer, want string
		secrets      int
	}{
		"yes":   {"y\r", "+source_key = \"base\"", 1},
		"Enter": {"\r", "+credentials_file = \"credentials\"", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, before := classic(t)
			tt := harness.NewTerminal(t)
			cmd := w.Command(t, "setup", "--move-keys")
			cmd.Stdin, cmd.Stderr = tt.Line, tt.Line
			j := harness.Start(t, tt, cmd)
			tt.Await("Keep keys in the Secret Service, rather than in clear in "+w.Dir+"/.config/sts-helper/credentials? [y/N] ", 1)
			tt.Type(tc.answer)
			tt.Await("Write this? [y/N] ", 1)
			tt.Type("y\r")
			if r := j.Result(t); r.Code != 0 || !strings.Contains(r.Stdout, tc.want) || len(w.store.Secrets()) != tc.secrets {
				t.Errorf("exit %d, %d secrets, %s%s", r.Code, len(w.store.Secrets()), r.Stdout, tt.Screen())
			}
			w.Creds(t, w.Run(t, "--profile", "dev"))
			w.undone(t, before)
		})
	}
	t.Run("no keys", func(t *testing.T) {
		w, _ := classic(t)
		tt := harness.NewTerminal(t)
		cmd := w.Command(t, "setup", "dev")
		cmd.Stdin, cmd.Stderr = tt.Line, tt.Line
		j := harness.Start(t, tt, cmd)
		tt.Await("Write this? [y/N] ", 1)
		tt.Type("n\r")
		if r := j.Result(t); r.Code != 0 || strings.Contains(tt.Rest(), "Keep keys") {
			t.Errorf("exit %d, %s", r.Code, tt.Screen())
		}
	})
}

// Where there is no store of the system's, the key goes into a file under a passphrase.
func TestSetupMovesKeysIntoAnEncryptedFile(t *testing.T) {
	harness.Long(t, "scrypt works for seconds")
	w, before := classic(t)
	w.Env["DBUS_SESSION_BUS_ADDRESS"] = ""
	const pass = "CANARY horse battery"
	tt := harness.NewTerminal(t)
	cmd := w.Command(t, "setup", "base", "--no-try")
	cmd.Stdin, cmd.Stderr = tt.Line, tt.Line
	j := harness.Start(t, tt, cmd)
	tt.Await("Keep keys in the encrypted file, rather than in clear in ", 1)
	tt.Type("y\r")
	tt.Await("Write this? [y/N] ", 1)
	tt.Type("y\r")
	for _, ask := range []string{"Passphrase to encrypt key \"base\" under: ", "The same again: "} {
		tt.AwaitHidden(ask)
		tt.Type(pass + "\r")
	}
	if r := j.Result(t); r.Code != 0 || strings.Contains(tt.Rest(), harness.Canary) {
		t.Fatalf("exit %d, %s%s", r.Code, r.Stdout, tt.Screen())
	}
	w.clean(t)
	w.undone(t, before)
}

// A key that AWS does not take, a name that another key has, and a store that there is not: nothing is written.
func TestSetupDoesNotStore(t *testing.T) {
	t.Parallel()
	w, before := classic(t)
	unchanged := func() {
		t.Helper()
		for name, text := range before {
			if got := w.Read(t, name); got != text {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
	if r := w.Run(t, "setup", "--move-keys", "--store", "sytem", "--yes"); r.Code != harness.ExitUsage || !strings.Contains(r.Stderr, `there is no store "sytem", only plain, auto, system, kernel, file`) {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	unchanged()
	bob := w.STS.AddUser(harness.Account, "bob")
	cmd := w.Command(t, "keys", "add", "base")
	cmd.Stdin = strings.NewReader(bob.AccessKeyID + "\n" + bob.SecretAccessKey + "\n")
	w.ok(t, w.Finish(t, cmd))
	if r := w.Run(t, "setup", "base", "--store", "system", "--yes"); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "another key is stored under its name") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	unchanged()
	w.ok(t, w.Run(t, "keys", "remove", "base", "--yes"))
	before[".aws/credentials"] = strings.Replace(before[".aws/credentials"], w.User.SecretAccessKey, harness.Canary+"wrong", 1)
	harness.Must(t, w.Write(".aws/credentials", before[".aws/credentials"]))
	if r := w.Run(t, "setup", "base", "--store", "system", "--yes"); r.Code != harness.ExitSource && r.Code != harness.ExitDenied {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	unchanged()
	if n := len(w.store.Secrets()); n != 0 {
		t.Errorf("%d secrets are stored", n)
	}
}

// Entries of config.toml that build on the profile build on the stored key then, with the region that they had.
func TestSetupOfEntriesThatBuildOnAKey(t *testing.T) {
	t.Parallel()
	w, before := classic(t)
	before[".config/sts-helper/config.toml"] = "# mine\n[profile.one]\nsource_profile = \"base\" # the user\nduration = \"2h\"\n\n[profile.two]\nregion = \"us-east-1\"\nsource_profile = 'base'\n"
	harness.Must(t, w.Write(".config/sts-helper/config.toml", before[".config/sts-helper/config.toml"]))
	w.ok(t, w.Run(t, "setup", "--move-keys", "--store", "system", "--yes"))
	want := "# mine\n[profile.one]\nsource_key = \"base\" # the user\nregion = \"eu-west-1\"\nduration = \"2h\"\n\n[profile.two]\nregion = \"us-east-1\"\nsource_key = 'base'\n"
	if got := w.Read(t, ".config/sts-helper/config.toml"); !strings.HasPrefix(got, want) {
		t.Errorf("%q", got)
	}
	for _, name := range []string{"one", "two"} {
		w.Creds(t, w.Run(t, "--profile", name))
	}
	w.undone(t, before)
}
