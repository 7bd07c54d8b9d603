package keys_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// world is a home whose user has an access key that no file has yet, and a Secret Service.
type world struct {
	*harness.World
	store *harness.SecretService
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: harness.NewWorld(t), store: harness.NewSecretService(t)}
	w.Env["DBUS_SESSION_BUS_ADDRESS"] = w.store.Address
	w.Env["AWS_ENDPOINT_URL_IAM"] = w.STS.URL()
	harness.Must(t, os.RemoveAll(filepath.Join(w.Dir, ".aws")))
	return w
}

// add stores the user's key under the name work.
func (w *world) add(t *testing.T, args ...string) harness.Result {
	t.Helper()
	cmd := w.Command(t, append([]string{"keys", "add", "work"}, args...)...)
	cmd.Stdin = strings.NewReader(w.User.AccessKeyID + "\n" + w.User.SecretAccessKey + "\n")
	return w.Finish(t, cmd)
}

func (w *world) ok(t *testing.T, r harness.Result) harness.Result {
	t.Helper()
	if r.Code != 0 {
		t.Fatalf("exit %d: %s", r.Code, r.Stderr)
	}
	return r
}

// key is the stored key as list has it.
func (w *world) key(t *testing.T) (k struct {
	Name, Store, Identity, Rotating string
	AccessKeyID                     string `json:"access_key_id"`
	Rotated                         *time.Time
}) {
	t.Helper()
	r := w.ok(t, w.Run(t, "keys", "list", "--output", "json"))
	var doc struct{ Keys []json.RawMessage }
	harness.Must(t, json.Unmarshal([]byte(r.Stdout), &doc))
	if len(doc.Keys) != 1 {
		t.Fatalf("%s", r.Stdout)
	}
	harness.Must(t, json.Unmarshal(doc.Keys[0], &k))
	return k
}

// clean fails where a long-term secret is in a file of the home. Temporary credentials are in the cache alone.
func (w *world) clean(t *testing.T) {
	t.Helper()
	harness.Must(t, filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(path, w.Cache()) || strings.Contains(path, ".before-sts-helper") {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), harness.Canary) {
			t.Errorf("a secret in %s", path)
		}
		return err
	}))
	for _, secret := range append(slices.Collect(secretsOf(w)), w.User.SecretAccessKey) {
		harness.Must(t, filepath.WalkDir(w.Cache(), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			b, err := os.ReadFile(path)
			if strings.Contains(string(b), secret) {
				t.Errorf("a long-term secret in %s", path)
			}
			return err
		}))
	}
}

func secretsOf(w *world) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, s := range w.store.Secrets() {
			if !yield(s) {
				return
			}
		}
	}
}

// use gets a session with the stored key and says with which.
func (w *world) use(t *testing.T) string {
	t.Helper()
	w.Creds(t, w.Run(t, "--source-key", "work"))
	all := w.STS.Requests()
	return all[len(all)-1].AccessKeyID
}

// A key is stored once it was tried, used without being asked for on a warm call, rotated and removed; its secret
// is in the store and nowhere else.
func TestKeys(t *testing.T) {
	t.Parallel()
	for store, args := range map[string][]string{"system": nil, "kernel": {"--store", "kernel"}} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if store == "kernel" {
				t.Cleanup(func() { w.Run(t, "keys", "remove", "work", "--yes") })
			}
			r := w.add(t, args...)
			if strings.Contains(r.Stderr, "it is switched off here") {
				t.Skip("no keyring in this kernel")
			}
			if w.ok(t, r); !strings.Contains(r.Stdout, "stored "+w.User.AccessKeyID) || !strings.Contains(r.Stdout, w.User.ARN) {
				t.Errorf("%q", r.Stdout)
			}
			if k := w.key(t); k.Name != "work" || k.AccessKeyID != w.User.AccessKeyID || k.Store != store || k.Identity != w.User.ARN || k.Rotated != nil {
				t.Errorf("%+v", k)
			}
			if by := w.use(t); by != w.User.AccessKeyID {
				t.Errorf("signed by %s", by)
			}
			asked, calls := w.store.Calls(""), len(w.STS.Requests())
			if r, direct := w.Directly(t, w.Command(t, "--source-key", "work")); !direct {
				t.Errorf("no direct answer: %d, %s", r.Code, r.Stderr)
			}
			w.ok(t, w.Run(t, "--source-key", "work", "-v"))
			if w.store.Calls("") != asked || len(w.STS.Requests()) != calls {
				t.Error("a warm call asked the store or STS")
			}
			w.clean(t)

			if r := w.add(t, args...); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "there is a stored key \"work\" already") {
				t.Errorf("twice: %d %s", r.Code, r.Stderr)
			}
			w.STS.SetKeyDelay(3)
			r = w.ok(t, w.Run(t, "keys", "rotate", "work"))
			all, active := w.STS.AccessKeys(w.User)
			k := w.key(t)
			if len(all) != 1 || len(active) != 1 || k.AccessKeyID != all[0] || all[0] == w.User.AccessKeyID || k.Rotated == nil || k.Rotating != "" {
				t.Errorf("%+v, %q, %s", k, all, r.Stderr)
			}
			if by := w.use(t); by != all[0] {
				t.Errorf("signed by %s", by)
			}
			if secrets := w.store.Secrets(); store == "system" && len(secrets) != 1 {
				t.Errorf("%d secrets are stored", len(secrets))
			}
			w.clean(t)
			w.ok(t, w.Run(t, "keys", "list"))
			w.ok(t, w.Run(t, "keys", "remove", "work", "--yes"))
			if r := w.Run(t, "--source-key", "work"); r.Code == 0 || !strings.Contains(r.Stderr, "there is no stored key \"work\"; add it: sts-helper keys add work") {
				t.Errorf("%d %s", r.Code, r.Stderr)
			}
			if len(w.store.Secrets()) != 0 {
				t.Error("a secret stays")
			}
		})
	}
}

// For a program add, rotate and remove say what list says, and what became of keys at AWS.
func TestKeysJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type key struct {
		Name, Store, Identity string
		AccessKeyID           string `json:"access_key_id"`
		Added                 time.Time
		Rotated               *time.Time
	}
	parse := func(r harness.Result) (doc struct {
		Version int
		Key     key
		Deleted string
		Stays   []string
	}) {
		t.Helper()
		w.ok(t, r)
		if err := json.Unmarshal([]byte(r.Stdout), &doc); err != nil || doc.Version != 1 || strings.Contains(r.Stdout, harness.Canary) {
			t.Fatalf("%v: %s", err, r.Stdout)
		}
		return doc
	}
	added := parse(w.add(t, "--output", "json"))
	if k := added.Key; k.Name != "work" || k.Store != "system" || k.AccessKeyID != w.User.AccessKeyID || k.Identity != w.User.ARN || k.Added.IsZero() || k.Rotated != nil || added.Stays != nil {
		t.Errorf("%+v", added)
	}
	rotated := parse(w.Run(t, "keys", "rotate", "work", "--output", "json"))
	if k := rotated.Key; rotated.Deleted != w.User.AccessKeyID || k.AccessKeyID == w.User.AccessKeyID || k.Rotated == nil {
		t.Errorf("%+v", rotated)
	}
	removed := parse(w.Run(t, "keys", "remove", "work", "--yes", "--output", "json"))
	if removed.Key.AccessKeyID != rotated.Key.AccessKeyID || !slices.Equal(removed.Stays, []string{rotated.Key.AccessKeyID}) {
		t.Errorf("%+v", removed)
	}
	for _, command := range []string{"add", "rotate", "remove"} {
		if r := w.Run(t, "keys", command, "work", "--output", "yaml"); r.Code != harness.ExitUsage || !strings.Contains(r.Stderr, "--output is text or json") {
			t.Errorf("%s: exit %d, %q", command, r.Code, r.Stderr)
		}
	}
}

// The table of stored keys has a line each, with a heading above, and none of a secret.
func TestKeysList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if r := w.ok(t, w.Run(t, "keys", "list")); r.Stdout != "no key is stored; store one: sts-helper keys add NAME\n" {
		t.Errorf("%q", r.Stdout)
	}
	w.ok(t, w.add(t))
	bob := w.STS.AddUser(harness.Account, "bob")
	cmd := w.Command(t, "keys", "add", "bob", "--mfa-serial", "auto")
	cmd.Stdin = strings.NewReader(bob.AccessKeyID + "\n" + bob.SecretAccessKey + "\n")
	w.ok(t, w.Finish(t, cmd))
	w.ok(t, w.Run(t, "keys", "rotate", "work"))
	harness.Must(t, os.WriteFile(filepath.Join(w.Dir, ".local/share/sts-helper/keys/broken.json"), []byte("{"), 0o600))
	r := w.ok(t, w.Run(t, "keys", "list"))
	lines := strings.Split(strings.TrimSuffix(r.Stdout, "\n"), "\n")
	if len(lines) != 4 {
		t.Fatalf("%q", r.Stdout)
	}
	if got := strings.Fields(lines[0]); !slices.Equal(got, []string{"NAME", "KEY", "ID", "STORE", "AGE", "ROTATED", "IDENTITY"}) {
		t.Errorf("%q", lines[0])
	}
	column := strings.Index(lines[0], "IDENTITY")
	all, _ := w.STS.AccessKeys(w.User)
	for i, want := range []struct{ name, id, rotated, identity string }{
		{"bob", bob.AccessKeyID, "never", bob.ARN}, {"work", all[0], "ago", w.User.ARN},
	} {
		line := lines[1+2*i]
		if !strings.HasPrefix(line, want.name+" ") || !strings.Contains(line, " "+want.id+"  system ") || !strings.Contains(line, want.rotated+" ") || line[column:] != want.identity {
			t.Errorf("%q, want %+v", line, want)
		}
	}
	if !strings.HasPrefix(lines[2], "broken ") || !strings.Contains(lines[2], "broken.json") || strings.Contains(r.Stdout, harness.Canary) {
		t.Errorf("%q", r.Stdout)
	}
}

// On a terminal what is no key id is refused before the secret is asked for.
func TestKeysAddAsksForAnID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tt := harness.NewTerminal(t)
	cmd := w.Command(t, "keys", "add", "work")
	cmd.Stdin, cmd.Stderr = tt.Line, tt.Line
	j := harness.Start(t, tt, cmd)
	tt.Await("Access key id: ", 1)
	tt.Type("alice\r")
	if r := j.Result(t); r.Code != harness.ExitUsage || strings.Contains(tt.Rest(), "Secret") || !strings.Contains(tt.Screen(), "that is no access key id") {
		t.Errorf("exit %d, %s", r.Code, tt.Screen())
	}
}

// On a terminal remove asks, and keeps the key unless the answer is yes; elsewhere it takes --yes.
func TestKeysRemoveAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(t, w.add(t))
	if r := w.Run(t, "keys", "remove", "work"); r.Code != harness.ExitUsage || !strings.Contains(r.Stderr, "there is no terminal to ask on; add --yes") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	for _, answer := range []struct {
		typed string
		code  int
		gone  bool
	}{{"\r", 0, false}, {"n\r", 0, false}, {"\x03", 128 + int(syscall.SIGINT), false}, {"y\r", 0, true}} {
		tt := harness.NewTerminal(t)
		cmd := w.Command(t, "keys", "remove", "work")
		cmd.Stdin, cmd.Stderr = tt.Line, tt.Line
		j := harness.Start(t, tt, cmd)
		tt.Await("Delete key work ("+w.User.AccessKeyID+")? Its secret cannot be had again.", 1)
		tt.Type(answer.typed)
		r := j.Result(t)
		if gone := len(w.store.Secrets()) == 0; r.Code != answer.code || gone != answer.gone || strings.Contains(r.Stdout, "removed work; at AWS the key stays") != answer.gone {
			t.Errorf("%q: exit %d, %q, %q, gone %v", answer.typed, r.Code, r.Stdout, tt.Screen(), gone)
		}
	}
}

// Nothing is stored that is no working long-term key.
func TestKeysRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refused := func(code int, want, stdin string, args ...string) {
		t.Helper()
		cmd := w.Command(t, append([]string{"keys"}, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		if r := w.Finish(t, cmd); r.Code != code || !strings.Contains(r.Stderr, want) {
			t.Errorf("%q: exit %d, %s; want %d, %q", args, r.Code, r.Stderr, code, want)
		}
	}
	pair := w.User.AccessKeyID + "\n" + w.User.SecretAccessKey + "\n"
	refused(harness.ExitUsage, "that is no access key id", "hello\nCANARY\n", "add", "work")
	refused(harness.ExitUsage, "temporary credentials", "ASIAIOSFODNN7EXAMPLE\nCANARY\n", "add", "work")
	refused(harness.ExitUsage, "and nothing else", pair+"more\n", "add", "work")
	refused(harness.ExitUsage, "can be no name of a key", pair, "add", "../work")
	refused(harness.ExitUsage, "there is no store \"x\"", pair, "add", "work", "--store", "x")
	refused(harness.ExitSource, "SignatureDoesNotMatch", w.User.AccessKeyID+"\nCANARYwJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLE\n", "add", "work")
	refused(harness.ExitConfig, "there is no stored key \"wrk\"", "", "rotate", "wrk")
	refused(harness.ExitConfig, "there is no stored key \"work2\"", "", "remove", "work2")
	w.Env["DBUS_SESSION_BUS_ADDRESS"] = ""
	refused(harness.ExitSource, "the Secret Service could not keep key \"work\": there is no D-Bus session", pair, "add", "work", "--store", "system")
	w.Env["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/nonexistent"
	refused(harness.ExitSource, "the Secret Service could not keep", pair, "add", "work")
	if len(w.store.Secrets()) != 0 {
		t.Error("something was stored")
	}
}

// A user with two keys is told which the other is; nothing is made or deleted.
func TestRotateWithTwoKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(t, w.add(t))
	other, _ := w.STS.AddKey(w.User)
	r := w.Run(t, "keys", "rotate", "work")
	if r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "the user has another access key beside "+w.User.AccessKeyID+", and IAM allows two: "+other+" (active, made ") ||
		!strings.Contains(r.Stderr, "aws iam delete-access-key --access-key-id "+other) {
		t.Errorf("exit %d, %s", r.Code, r.Stderr)
	}
	if all, active := w.STS.AccessKeys(w.User); len(all) != 2 || len(active) != 2 {
		t.Errorf("%q", all)
	}
	w.use(t)
}

// Whatever the place at which a rotation is killed, the key works before and after, and the same line goes on.
func TestRotateKilled(t *testing.T) {
	t.Parallel()
	type place struct {
		name string
		hang func(w *world) (resume func())
	}
	aws := func(op string, kind emulator.Kind) place {
		return place{op + " " + string(kind), func(w *world) func() {
			w.STS.Fault(emulator.Fault{Kind: kind, Op: op, Times: 1})
			return w.STS.ClearFaults
		}}
	}
	store := func(method string) place {
		return place{"store " + method, func(w *world) func() { return w.store.Hang(method) }}
	}
	places := []place{store("CreateItem"), store("Delete")}
	for _, op := range []string{"ListAccessKeys", "CreateAccessKey", "GetCallerIdentity", "UpdateAccessKey", "DeleteAccessKey"} {
		places = append(places, aws(op, emulator.Hang), aws(op, emulator.HangAfter))
	}
	for i, p := range places {
		if harness.LeftOut(i) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ok(t, w.add(t))
			w.STS.ResetCounts()
			where, what, _ := strings.Cut(p.name, " ")
			before := w.store.Calls(what)
			resume := p.hang(w)
			cmd := w.Command(t, "keys", "rotate", "work")
			harness.Must(t, cmd.Start())
			if where == "store" {
				harness.Await(t, p.name, func() bool { return w.store.Calls(what) > before })
			} else {
				ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
				defer cancel()
				harness.Must(t, w.STS.WaitInFlight(ctx, where, 1))
			}
			harness.Must(t, cmd.Process.Kill())
			_ = cmd.Wait()
			resume()

			working := func(when string) string {
				t.Helper()
				k := w.key(t)
				_, active := w.STS.AccessKeys(w.User)
				if !slices.Contains(active, k.AccessKeyID) {
					t.Fatalf("%s: the key %s does not work; active are %q", when, k.AccessKeyID, active)
				}
				w.Creds(t, w.Run(t, "--source-key", "work", "--region", "eu-west-2"))
				return k.AccessKeyID
			}
			working("killed")
			r := w.ok(t, w.Run(t, "keys", "rotate", "work"))
			id := working("after that")
			all, _ := w.STS.AccessKeys(w.User)
			secrets := w.store.Secrets()
			if len(all) != 1 || id == w.User.AccessKeyID || len(secrets) != 1 || secrets["work "+id] == "" || w.key(t).Rotating != "" {
				t.Errorf("keys %q, secrets %d, %s", all, len(secrets), r.Stderr)
			}
			w.clean(t)
		})
	}
}

// A key that another user made while the rotation was away is not taken for its own.
func TestRotateLeavesOthersKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(t, w.add(t))
	w.STS.Fault(emulator.Fault{Kind: emulator.Reset, Op: "CreateAccessKey", Times: 1})
	if r := w.Run(t, "keys", "rotate", "work"); r.Code != harness.ExitUnreachable || !strings.Contains(r.Stderr, "it goes on where it was") {
		t.Fatalf("exit %d, %s", r.Code, r.Stderr)
	}
	w.STS.SetNow(func() time.Time { return time.Now().Add(2 * time.Minute) })
	other, _ := w.STS.AddKey(w.User)
	if r := w.Run(t, "keys", "rotate", "work"); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, other) {
		t.Errorf("exit %d, %s", r.Code, r.Stderr)
	}
	if all, _ := w.STS.AccessKeys(w.User); !slices.Contains(all, other) {
		t.Error("another user's key was deleted")
	}
}

// Where IAM wants MFA, a session asks it: one code, and a key that works.
func TestRotateWithMFA(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.STS.AddMFADevice(w.User, "phone")
	w.STS.SetKeysTakeMFA(true)
	w.ok(t, w.add(t))
	if r := w.Run(t, "keys", "rotate", "work"); r.Code != harness.ExitDenied || !strings.Contains(r.Stderr, "add --mfa-serial auto") {
		t.Fatalf("exit %d, %s", r.Code, r.Stderr)
	}
	harness.Must(t, w.Write("code", "#!/bin/sh\ncat \"$HOME/now\"\n"))
	tt := harness.NewTerminal(t)
	cmd := w.Command(t, "keys", "rotate", "work", "--mfa-serial", "auto")
	cmd.Stdin, cmd.Stderr = tt.Line, tt.Line
	j := harness.Start(t, tt, cmd)
	tt.Await(harness.Prompt, 1)
	tt.Type(d.Code(time.Now()) + "\r")
	if r := j.Result(t); r.Code != 0 {
		t.Fatalf("exit %d, %s", r.Code, tt.Screen())
	}
	if all, _ := w.STS.AccessKeys(w.User); len(all) != 1 || all[0] != w.key(t).AccessKeyID || w.STS.Count("GetSessionToken") != 1 {
		t.Errorf("%q, %d sessions", all, w.STS.Count("GetSessionToken"))
	}
}

// The key of a profile is taken out of its file, the profile goes on, and setup undoes it.
func TestAddFromProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	content := fmt.Sprintf("# mine\n[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n\n[other]\nregion = eu-west-1\n", w.User.AccessKeyID, w.User.SecretAccessKey)
	harness.Must(t, w.Write(".aws/credentials", content))
	harness.Must(t, w.Write(".aws/config", "[profile base]\nregion = eu-west-1\n"))
	cmd := w.Command(t, "keys", "add", "work", "--from-profile", "base")
	r := w.ok(t, w.Finish(t, cmd))
	if !strings.Contains(r.Stdout, "AWS profile \"base\" gets its credentials with the stored key now") || !strings.Contains(r.Stderr, "still has the key") {
		t.Errorf("%s%s", r.Stdout, r.Stderr)
	}
	w.clean(t)
	w.Creds(t, w.Run(t, "--profile", "base"))
	if all := w.STS.Requests(); all[len(all)-1].AccessKeyID != w.User.AccessKeyID {
		t.Error("another key signed")
	}
	w.ok(t, w.Run(t, "setup", "--remove", "--yes"))
	if got := w.Read(t, ".aws/credentials"); got != content {
		t.Errorf("undone: %q", got)
	}
}

// Where there is no store, the key is in a file under a passphrase, which is asked for when the key has to sign.
func TestEncryptedFile(t *testing.T) {
	harness.Long(t, "each passphrase takes a second of work")
	w := newWorld(t)
	w.Env["DBUS_SESSION_BUS_ADDRESS"] = ""
	at := func(typed []string, args ...string) (harness.Result, string) {
		t.Helper()
		tt := harness.NewTerminal(t)
		cmd := w.Command(t, args...)
		cmd.Stdin, cmd.Stderr = tt.Line, tt.Line
		j := harness.Start(t, tt, cmd)
		for i := 0; i < len(typed); i += 2 {
			tt.AwaitHidden(typed[i])
			tt.Type(typed[i+1] + "\r")
		}
		return j.Result(t), tt.Rest()
	}
	const pass = "CANARY horse battery"
	tt := harness.NewTerminal(t)
	cmd := w.Command(t, "keys", "add", "work", "--store", "file")
	cmd.Stdin, cmd.Stderr = tt.Line, tt.Line
	j := harness.Start(t, tt, cmd)
	tt.Await("Access key id: ", 1)
	tt.Type(w.User.AccessKeyID + "\r")
	for _, ask := range [][2]string{{"Secret access key (not shown): ", w.User.SecretAccessKey}, {"Passphrase to encrypt key \"work\" under: ", pass}, {"The same again: ", pass}} {
		tt.AwaitHidden(ask[0])
		tt.Type(ask[1] + "\r")
	}
	if r := j.Result(t); r.Code != 0 || strings.Contains(tt.Rest(), harness.Canary) {
		t.Fatalf("exit %d, %s", r.Code, tt.Screen())
	}
	w.clean(t)
	if r, screen := at([]string{"Passphrase of key \"work\": ", "wrong"}, "login", "--source-key", "work"); r.Code != harness.ExitInteraction || !strings.Contains(screen, "that is not the passphrase of key") {
		t.Errorf("exit %d, %s", r.Code, screen)
	}
	if r, screen := at([]string{"Passphrase of key \"work\": ", pass}, "login", "--source-key", "work"); r.Code != 0 {
		t.Errorf("exit %d, %s", r.Code, screen)
	}
	w.Creds(t, w.Run(t, "--source-key", "work")) // the user is not asked
	if r := w.Run(t, "--source-key", "work", "--region", "eu-west-3", "--prompt", "never"); r.Code != harness.ExitInteraction || !strings.Contains(r.Stderr, "sts-helper login") {
		t.Errorf("exit %d, %s", r.Code, r.Stderr)
	}
	if r, screen := at([]string{"Passphrase of key \"work\": ", pass}, "keys", "rotate", "work"); r.Code != 0 {
		t.Errorf("exit %d, %s", r.Code, screen)
	}
	w.clean(t)
	files, _ := filepath.Glob(filepath.Join(w.Dir, ".local/share/sts-helper/keys/*.age"))
	if len(files) != 1 {
		t.Errorf("%q", files)
	}
}

// A server goes on with the key that takes the place of its own, without being told to read its settings again.
func TestServeReplacedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(t, w.add(t))
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_key = \"work\"\n"))
	s := w.Serve(t, "--profile", "dev")
	user := func(id string) string {
		who, _ := w.STS.Lookup(id)
		return who.ARN
	}
	serves := func(arn string) {
		t.Helper()
		harness.Await(t, "credentials of "+arn, func() bool {
			a := s.Container(t, "dev")
			return a.Status == 200 && user(a.Document(t).AccessKeyId) == arn
		})
	}
	serves(w.User.ARN)
	bob := w.STS.AddUser(harness.Account, "bob")
	replace := func(u *emulator.User) {
		t.Helper()
		cmd := w.Command(t, "keys", "add", "work", "--replace")
		cmd.Stdin = strings.NewReader(u.AccessKeyID + "\n" + u.SecretAccessKey + "\n")
		w.ok(t, w.Finish(t, cmd))
	}
	replace(bob)
	w.ok(t, w.Run(t, "logout", "--all")) // what there is is got anew
	serves(bob.ARN)
	replace(w.User)
	if d := w.Creds(t, w.Run(t, "--source-key", "work")); user(d.AccessKeyId) != w.User.ARN {
		t.Errorf("the credentials of %s are kept under the key of %s", user(d.AccessKeyId), w.User.ARN)
	}
	serves(w.User.ARN)
}

// Nothing that is typed once a prompt for a secret can be seen is shown.
func TestSecretsAreHiddenBeforeTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 10 {
		tt := harness.NewTerminal(t)
		cmd := w.Command(t, "keys", "add", "work", "--store", "file")
		cmd.Stdin, cmd.Stderr = tt.Line, tt.Line
		j := harness.Start(t, tt, cmd)
		tt.Await("Access key id: ", 1)
		tt.Type(w.User.AccessKeyID + "\r")
		for !strings.Contains(tt.Screen(), "Secret access key (not shown): ") && j.Running() {
			runtime.Gosched()
		}
		if tt.Echoes() {
			t.Fatal("the terminal shows what is typed at the prompt")
		}
		tt.Type("\x03")
		j.Result(t)
	}
}
