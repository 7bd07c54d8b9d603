package source_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/lock"
)

// With another value of a variable on its line a command speaks for another user.
func TestProcessAnotherVariable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.process(t, "vault", "cat ~/$WHO.json")
	for _, args := range [][]string{w.role("vault"), {"--source-profile", "vault"}} {
		for _, who := range []string{"alice", "bob", "alice", "bob", "bob"} {
			if got := w.signer(t, w.run(t, []string{"WHO=" + who}, args...)); got != who {
				t.Errorf("%v: WHO=%s gets what %s signed", args, who, got)
			}
		}
	}
	if n := w.ran(t); n != 2 {
		t.Errorf("the command ran %d times for two users", n)
	}
	if n := w.STS.Count("GetCallerIdentity"); n != 2 {
		t.Errorf("AWS was asked %d times who they are", n)
	}
}

// With another content of a file on its line, too, whether the file is replaced or written.
func TestProcessAnotherFile(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{"home": "cat ~/now.json", "absolute": "cat %H/now.json", "relative": "cat now.json", "quoted": `cat "%H/now.json"`, "variable": "cat ${DIR}/now.json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.process(t, "vault", strings.ReplaceAll(line, "%H", w.Dir))
			now := filepath.Join(w.Dir, "now.json")
			for i, who := range []string{"alice", "bob", "alice", "bob"} {
				b, err := os.ReadFile(filepath.Join(w.Dir, who+".json"))
				harness.Must(t, err)
				if i == 2 {
					harness.Must(t, os.Remove(now))
				}
				harness.WritePrivate(t, now, b)
				for range 2 {
					if got := w.signer(t, w.run(t, []string{"DIR=" + w.Dir}, w.role("vault")...)); got != who {
						t.Errorf("%s's file gives what %s signed", who, got)
					}
				}
			}
			harness.Must(t, os.Remove(now))
			if r := w.run(t, []string{"DIR=" + w.Dir}, w.role("vault")...); r.Code != harness.ExitSource || r.Stdout != "" {
				t.Errorf("without the file: exit %d, %q", r.Code, r.Stdout)
			}
		})
	}
}

// What a command prints without any of that changing is looked at again at the end of what it
// printed. A call before starts nothing.
func TestProcessLookedAtAgain(t *testing.T) {
	t.Parallel()
	m := harness.NewMovableWorld(t)
	w := worldOf(t, m.World)
	// The command's line does not say what it reads.
	w.vault(t, "exec cat ~/now.json")
	w.process(t, "vault", "~/bin/vault")
	be := func(who string) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(w.Dir, who+".json"))
		harness.Must(t, err)
		harness.WritePrivate(t, filepath.Join(w.Dir, "now.json"), b)
	}
	is := func(who string, runs int) {
		t.Helper()
		if got := w.signer(t, w.Run(t, w.role("vault", "--duration", "1h")...)); got != who {
			t.Errorf("%s gets what %s signed", who, got)
		}
		if n := w.ran(t); n != runs {
			t.Errorf("the command ran %d times, want %d", n, runs)
		}
	}
	w.expiring(t, "alice", soon(20*time.Minute))
	be("alice")
	is("alice", 1)
	is("alice", 1)
	be("bob")
	is("alice", 1) // nothing shows that it is another's
	m.At(t, 10*time.Minute)
	is("alice", 1)
	m.At(t, 21*time.Minute)
	is("bob", 2)
	is("bob", 2)
}

// A command that prints a long-term key is asked when a token has to be made, and the key is never
// written to the disk.
func TestProcessLongTermKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bob := w.STS.AddUser(harness.Account, "bob2")
	key := func(u *emulator.User) string {
		return `{"Version":1,"AccessKeyId":"` + u.AccessKeyID + `","SecretAccessKey":"` + u.SecretAccessKey + `"}`
	}
	w.vault(t, "exec cat ~/now.json")
	w.process(t, "vault", "~/bin/vault")
	harness.Must(t, w.Write("now.json", key(w.User)))
	for range 3 {
		if got := w.signer(t, w.Run(t, w.role("vault")...)); got != "alice" {
			t.Errorf("got what %s signed", got)
		}
		w.Creds(t, w.Run(t, "--source-profile", "vault")) // a session: there is nothing to hand out
	}
	if n := w.ran(t); n != 2 {
		t.Errorf("the command ran %d times for two tokens", n)
	}
	// A token that is made shows that the key is another's, and then no other is handed out.
	harness.Must(t, w.Write("now.json", key(bob)))
	if got := w.signer(t, w.Run(t, w.role("vault", "--role-session-name", "other")...)); got != "bob2" {
		t.Errorf("got what %s signed", got)
	}
	if got := w.signer(t, w.Run(t, w.role("vault")...)); got != "bob2" {
		t.Errorf("got what %s signed after bob's key was seen", got)
	}
	harness.Must(t, filepath.WalkDir(w.Cache(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), w.User.SecretAccessKey) || strings.Contains(string(b), bob.SecretAccessKey) {
			t.Errorf("%s has a long-term key in it", path)
		}
		return err
	}))
}

// A command finds what it prints below the home directory, whatever its line says: where two homes have one cache,
// each has its own.
func TestHomesThatShareACache(t *testing.T) {
	w := newWorld(t)
	w.vault(t, "exec cat $HOME/.vault/now.json")
	idp := w.STS.AddOIDCProvider(harness.Account, "https://idp.example.com", "sts.amazonaws.com")
	web := w.STS.AddRole(harness.Account, "web", emulator.Trust(idp.ARN), emulator.TrustActions("sts:AssumeRoleWithWebIdentity")).ARN
	for _, who := range []string{"alice", "bob"} {
		harness.WritePrivate(t, filepath.Join(w.Dir, "homes", who, ".vault/now.json"), []byte(w.Read(t, who+".json")))
		harness.WritePrivate(t, filepath.Join(w.Dir, "homes", who, ".vault/jwt"), []byte(idp.Token(who, "sts.amazonaws.com", time.Now().Add(time.Hour))))
	}
	harness.Must(t, w.Write("bin/jwt", "#!/bin/sh\nexec cat $HOME/.vault/jwt\n"))
	harness.Must(t, os.Chmod(filepath.Join(w.Dir, "bin/jwt"), 0o700))
	harness.Must(t, w.Write("config", "[profile vault]\ncredential_process = "+w.Dir+"/bin/vault\n"))
	for _, args := range [][]string{
		{"--source-command", w.Dir + "/bin/vault"},
		{"--role-arn", w.app, "--source-command", w.Dir + "/bin/vault"},
		{"--source-profile", "vault"},
		w.role("vault"),
		{"--role-arn", web, "--role-session-name", "web", "--web-identity-token-command", w.Dir + "/bin/jwt"},
	} {
		for _, who := range []string{"alice", "bob", "alice", "bob"} {
			r := w.run(t, []string{"HOME=" + filepath.Join(w.Dir, "homes", who), "XDG_CACHE_HOME=" + filepath.Join(w.Dir, "shared"), "AWS_CONFIG_FILE=" + filepath.Join(w.Dir, "config")}, args...)
			id, _ := w.STS.Lookup(w.Creds(t, r).AccessKeyId)
			if got := w.signer(t, r); got != who && id.Subject != who {
				t.Errorf("%v: the home of %s gets what is %s's", args, who, got)
			}
		}
	}
}

// A name on the line that is no file here may be one in another directory, where the command prints something else.
func TestProcessAnotherDirectory(t *testing.T) {
	w := newWorld(t)
	w.vault(t, `if [ -f "$1" ]; then exec cat "$1"; fi; exec cat ~/alice.json`)
	harness.Must(t, os.MkdirAll(filepath.Join(w.Dir, "without"), 0o700))
	harness.Must(t, os.MkdirAll(filepath.Join(w.Dir, "folder/keys.json"), 0o700))
	harness.WritePrivate(t, filepath.Join(w.Dir, "with/keys.json"), []byte(w.Read(t, "bob.json")))
	w.process(t, "vault", "~/bin/vault keys.json")
	for _, first := range []string{"without", "folder", "with"} {
		harness.Must(t, os.RemoveAll(w.Cache()))
		for _, dir := range []string{first, first, "with", "without", "folder", "with", "with", "folder"} {
			cmd := w.Command(t, w.role("vault")...)
			cmd.Dir = filepath.Join(w.Dir, dir)
			want := "alice"
			if dir == "with" {
				want = "bob"
			}
			if got := w.signer(t, w.Finish(t, cmd)); got != want {
				t.Errorf("first %s, now %s: got what %s signed", first, dir, got)
			}
		}
	}
}

// A command that printed a long-term key may print temporary credentials the next time: they are the answer then, at once.
func TestLongTermKeyBecomesTemporary(t *testing.T) {
	w := newWorld(t)
	w.vault(t, "exec cat ~/now.json")
	w.process(t, "vault", "~/bin/vault")
	args := []string{"--source-profile", "vault"}
	harness.Must(t, w.Write("now.json", `{"Version":1,"AccessKeyId":"`+w.User.AccessKeyID+`","SecretAccessKey":"`+w.User.SecretAccessKey+`"}`))
	w.Creds(t, w.Run(t, args...))
	harness.Must(t, w.Write("now.json", w.Read(t, "bob.json")))
	sessions, err := filepath.Glob(filepath.Join(w.Cache(), "v1", "*.cred"))
	harness.Must(t, err)
	for _, f := range sessions { // as if it had ended
		harness.Must(t, os.Remove(f))
	}
	for range 2 {
		if got := w.signer(t, w.Run(t, args...)); got != "bob" {
			t.Errorf("got what is %s's", got)
		}
	}
}

// alice and bob have one role in one account, and are two users: one who is logged in gets their
// own tokens, one who is logged out none, not even while AWS is away.
func TestLoginSwitched(t *testing.T) {
	for _, tc := range []struct{ profile, first, second string }{{"corp", "alice", "bob"}, {"console", "carol", "alice"}} {
		t.Run(tc.profile, func(t *testing.T) {
			w := newWorld(t)
			in, file := w.signIn, w.sso
			if tc.profile == "console" {
				in, file = w.signInConsole, w.cons
			}
			made := w.role(tc.profile)
			handed := []string{"--source-profile", tc.profile}
			for _, who := range []string{tc.first, tc.second, tc.first} {
				in(t, who)
				for range 3 {
					for _, args := range [][]string{made, handed} {
						if got := w.signer(t, w.Run(t, args...)); got != who {
							t.Errorf("%s is logged in, and gets what %s signed", who, got)
						}
					}
				}
			}
			loggedOut := func(t *testing.T) {
				t.Helper()
				b, err := os.ReadFile(file)
				harness.Must(t, err)
				harness.Must(t, os.Remove(file))
				for _, args := range [][]string{made, handed} {
					r := w.Run(t, args...)
					if r.Stdout != "" || r.Code != harness.ExitInteraction || !strings.Contains(r.Stderr, "run: sts-helper login "+tc.profile) {
						t.Errorf("logged out: exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
					}
				}
				harness.WritePrivate(t, file, b)
			}
			loggedOut(t)
			t.Run("AWS is away", func(t *testing.T) {
				harness.Long(t, "waits until AWS is given up")
				w.STS.Fault(emulator.Fault{Kind: emulator.InternalFailure})
				loggedOut(t)
				// The same login is back: what it made is still its own.
				for _, args := range [][]string{made, handed} {
					if got := w.signer(t, w.Run(t, args...)); got != tc.first {
						t.Errorf("got what %s signed", got)
					}
				}
				if tc.profile == "console" {
					return
				}
				// And of a login of which it cannot be said whose it is, nothing made before is handed out.
				in(t, tc.second)
				if r := w.Run(t, made...); r.Stdout != "" || r.Code != harness.ExitUnreachable {
					t.Errorf("a login that is not known: exit %d, %q", r.Code, r.Stdout)
				}
			})
		})
	}
}

// bob is logged in while alice's call is made, and alice again before it ends, by the same file: what was got meanwhile
// is bob's, and is not given to alice by later calls.
func TestLoginSwitchedThereAndBack(t *testing.T) {
	w := newWorld(t)
	w.signIn(t, "alice")
	alice, err := os.ReadFile(w.sso)
	harness.Must(t, err)
	portal, role := w.STS.Gate("GetRoleCredentials"), w.STS.Gate("AssumeRole")
	defer portal()
	defer role()
	first := harness.Start(t, nil, w.Command(t, w.role("corp")...))
	harness.Must(t, w.STS.WaitInFlight(harness.Context(t), "GetRoleCredentials", 1))
	w.signIn(t, "bob")
	portal() // what it gives is of a login that is there no more
	harness.Must(t, w.STS.WaitInFlight(harness.Context(t), "AssumeRole", 1))
	harness.WritePrivate(t, w.sso, alice)
	role()
	if got := w.signer(t, first.Result(t)); got != "alice" {
		t.Errorf("alice is logged in again, and the call that ends now gets what is %s's", got)
	}
	for range 3 {
		if got := w.signer(t, w.Run(t, w.role("corp")...)); got != "alice" {
			t.Errorf("alice is logged in, and gets what is %s's", got)
		}
	}
}

// alice's login has to be refreshed, and while that is waited for bob logs in, and alice again: what bob's login gave is
// not taken for alice's.
func TestLoginSwitchedWhileItsRefreshIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.signIn(t, "alice")
	harness.EndsIn(t, w.sso, -time.Hour)
	alice, err := os.ReadFile(w.sso)
	harness.Must(t, err)
	held, err := lock.Try(strings.Replace(strings.TrimSuffix(w.sso, ".json"), "/cache/", "/cache/.sts-helper-", 1)+".lock", lock.Holder{Purpose: "a test"})
	harness.Must(t, err)
	portal := w.STS.Gate("GetRoleCredentials")
	defer portal()
	args := []string{"--source-profile", "corp"}
	first := harness.Start(t, nil, w.Command(t, args...))
	if !harness.Gather(t, 0, 1, harness.Patience) {
		t.Fatal("it does not wait")
	}
	w.signIn(t, "bob")
	harness.Must(t, w.STS.WaitInFlight(harness.Context(t), "GetRoleCredentials", 1))
	harness.WritePrivate(t, w.sso, alice)
	held.Release()
	portal()
	for i, r := range []harness.Result{first.Result(t), w.Run(t, args...), w.Run(t, w.role("corp")...), w.Run(t, args...)} {
		if got := w.signer(t, r); got != "alice" {
			t.Errorf("call %d: alice is logged in, and gets what is %s's", i, got)
		}
	}
}

// A file on the line of a command is another user's by the time that the command reads it, and may be the first user's
// again at its end: what that prints is not kept for those who come with the first user's file later.
func TestFileSwitchedWhileTheCommandRuns(t *testing.T) {
	harness.Long(t, "many switches, with a process for each")
	idp := func(w *world) (*emulator.OIDCProvider, string) {
		p := w.STS.AddOIDCProvider(harness.Account, "https://idp.example.com", "sts.amazonaws.com")
		return p, w.STS.AddRole(harness.Account, "web", emulator.Trust(p.ARN), emulator.TrustActions("sts:AssumeRoleWithWebIdentity")).ARN
	}
	const script = `echo >>~/started; while [ ! -e ~/go ]; do sleep 0.02; done; text=$(cat "$1"); echo >>~/read; while [ ! -e ~/end ]; do sleep 0.02; done; echo "$text"`
	for name, args := range map[string]func(w *world) []string{
		"credential_process": func(*world) []string { return []string{"--source-profile", "vault"} },
		"a role with it":     func(w *world) []string { return w.role("vault") },
		"source_command":     func(w *world) []string { return []string{"--source-command", w.Dir + "/bin/vault " + w.Dir + "/now"} },
		"web_identity_token_command": func(w *world) []string {
			return []string{"--web-identity-token-command", w.Dir + "/bin/vault " + w.Dir + "/now", "--role-arn"}
		},
	} {
		for _, back := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, back %v", name, back), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.vault(t, script)
				w.process(t, "vault", "~/bin/vault ~/now")
				line, jwt := args(w), strings.Contains(name, "web")
				issuer, role := idp(w)
				if jwt {
					line = append(line, role)
				}
				now := filepath.Join(w.Dir, "now")
				be := func(who string) {
					t.Helper()
					text := w.Read(t, who+".json")
					if jwt {
						text = who // the token itself differs from time to time
						if _, err := os.Stat(filepath.Join(w.Dir, who+".jwt")); err != nil {
							harness.Must(t, w.Write(who+".jwt", issuer.Token(who, "sts.amazonaws.com", time.Now().Add(time.Hour))))
						}
						text = w.Read(t, who+".jwt")
					}
					harness.WritePrivate(t, now, []byte(text))
				}
				is := func(r harness.Result) string {
					t.Helper()
					id, _ := w.STS.Lookup(w.Creds(t, r).AccessKeyId)
					if jwt {
						return id.Subject
					}
					return w.signer(t, r)
				}
				be("alice")
				first := harness.Start(t, nil, w.Command(t, line...))
				harness.Await(t, "the command", func() bool { _, err := os.Stat(filepath.Join(w.Dir, "started")); return err == nil })
				be("bob")
				harness.Must(t, w.Write("go", ""))
				harness.Await(t, "the file to be read", func() bool { _, err := os.Stat(filepath.Join(w.Dir, "read")); return err == nil })
				if back {
					be("alice")
				}
				harness.Must(t, w.Write("end", ""))
				if got := is(first.Result(t)); got != "bob" {
					t.Errorf("the command printed what is bob's, and the call gives what is %s's", got)
				}
				for _, who := range []string{"alice", "bob", "alice"} {
					be(who)
					for range 2 {
						if got := is(w.Run(t, line...)); got != who {
							t.Errorf("%s's file gives what is %s's", who, got)
						}
					}
				}
			})
		}
	}
}

// status says who signed.
func TestStatusNamesTheSigner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t, "bob")
	w.Creds(t, w.Run(t, w.role("corp")...))
	r := w.Run(t, "status", "--long")
	if r.Code != 0 || !strings.Contains(r.Stdout, "signed by arn:aws:sts::"+harness.Account+":assumed-role/AWSReservedSSO_Admin_") || !strings.Contains(r.Stdout, "/bob\n") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
}
