package login_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// crowd is how many processes want something at once.
func crowd() int {
	if testing.Short() {
		return 8
	}
	return 100
}

// start starts as many processes, each of which wants another token of the entry.
func (w *world) start(t *testing.T, n int, entry string) []*harness.Job {
	t.Helper()
	jobs := make([]*harness.Job, n)
	for i := range jobs {
		jobs[i] = harness.Start(t, nil, w.Command(t, "--profile", entry, "--role-session-name", fmt.Sprintf("s%d", i)))
	}
	return jobs
}

// A login that has ended is refreshed by one process of all, whatever profile and role each wants:
// its refresh token works once. The portal takes 20 requests a second, and the rest comes later.
func TestOneRefreshForAll(t *testing.T) {
	t.Parallel()
	for kind, op := range map[string]string{"sso": "CreateToken", "console": "CreateOAuth2Token"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			file := w.cons
			var config strings.Builder
			for i := range crowd() {
				if kind == "sso" {
					w.STS.Assign("alice", harness.Account, fmt.Sprintf("Set%d", i))
					fmt.Fprintf(&config, "[profile p%d]\nsso_session = My Corp Ltd\nsso_account_id = %s\nsso_role_name = Set%d\nregion = eu-west-1\n", i, harness.Account, i)
				} else {
					fmt.Fprintf(&config, "[profile p%d]\nlogin_session = %s\nregion = eu-west-1\n", i, w.arn)
				}
			}
			harness.Must(t, w.Write(".aws/config", w.Read(t, ".aws/config")+config.String()))
			if kind == "sso" {
				file = w.sso
				w.signIn(t, "alice")
				w.STS.LimitPortal(20)
			} else {
				w.signInConsole(t)
			}
			harness.EndsIn(t, file, -time.Hour)
			release := w.STS.Gate(op) // until the others are there
			defer release()
			var jobs []*harness.Job
			for i := range crowd() {
				jobs = append(jobs, harness.Start(t, nil, w.Command(t, "--source-profile", fmt.Sprintf("p%d", i), "--role-arn", "arn:aws:iam::"+harness.Account+":role/app")))
			}
			harness.Gather(t, 0, crowd()-1, 8*time.Second)
			release()
			for _, j := range jobs {
				w.Creds(t, j.Result(t))
			}
			if n := w.STS.Count(op); n != 1 {
				t.Errorf("%d refreshes", n)
			}
			if n := w.STS.Succeeded("GetRoleCredentials"); kind == "sso" && n != crowd() {
				t.Errorf("%d answers of the portal", n)
			}
			if n := w.STS.SSOSessionsEnded() + w.STS.LoginsEnded(); n != 0 {
				t.Errorf("%d logins lost", n)
			}
			if files := left(t, file); len(files) != 1 {
				t.Errorf("left behind: %v", files)
			}
			private(t, file)
		})
	}
}

// Programs that find a login under way wait for it, and one login serves them all; so does one
// at another terminal.
func TestOneLoginForAll(t *testing.T) {
	w := newWorld(t)
	w.STS.SetBrowserUser("alice")
	if r := w.Run(t, "--profile", "app"); r.Code != harness.ExitInteraction || !strings.HasSuffix(r.Stderr, "; run: sts-helper login corp\n") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	tt, login := w.login(t, w.withBrowser(), "app")
	url := w.opened(t)
	n := harness.Crowd
	if testing.Short() {
		n = crowd()
	}
	jobs := w.start(t, n, "app")
	second, other := w.login(t, w.withBrowser(), "corp2", "--role-arn", "arn:aws:iam::"+harness.Account+":role/app", "--force")
	second.Await(fmt.Sprintf("waiting for pid %d", login.Cmd.Process.Pid), 1)
	if !harness.Gather(t, 0, len(jobs), harness.Patience) {
		t.Fatal("not all of them wait")
	}
	browse(t, url)
	w.ok(t, tt, login)
	w.ok(t, second, other)
	for _, j := range jobs {
		w.Creds(t, j.Result(t))
	}
	if n := w.STS.Count("CreateToken"); n != 1 {
		t.Errorf("%d logins", n)
	}
}

// A login that is not finished is waited for until 50 seconds after a call's beginning, whatever the call waited for
// before: SDKs end it after 60.
func TestUnfinishedLoginEndsTheWait(t *testing.T) {
	harness.Long(t, "waits for 50 seconds")
	t.Parallel()
	w := newWorld(t)
	w.STS.SetBrowserUser("alice")
	_, login := w.login(t, w.withBrowser(), "app")
	w.opened(t)
	brief := harness.Start(t, nil, w.Command(t, "--profile", "app", "--role-session-name", "brief", "--wait", "1s")).Result(t)
	var waited, pid int
	if _, err := fmt.Sscanf(brief.Stderr, "sts-helper: waited %ds for pid %d", &waited, &pid); err != nil || brief.Code != harness.ExitLocked || waited > 40 {
		t.Errorf("with a wait of its own: exit %d, %q", brief.Code, brief.Stderr)
	}
	before := 0
	for _, j := range w.start(t, 3, "app") { // of which two wait for the first before
		r := j.Result(t)
		var waited, pid int
		if _, err := fmt.Sscanf(r.Stderr, "sts-helper: waited %ds for pid %d", &waited, &pid); err != nil || r.Code != harness.ExitLocked ||
			pid != login.Cmd.Process.Pid || !strings.Contains(r.Stderr, "answer there") {
			t.Errorf("exit %d, %q", r.Code, r.Stderr)
		}
		if waited < 45 {
			before++
		}
	}
	if before != 2 {
		t.Errorf("%d of them began to wait for the login with less than the whole time", before)
	}
}

// The file of a login has the name of the sso-session. Where that names another start URL by now, what is in it is the
// login of another directory's user.
func TestLoginToAnotherStartURL(t *testing.T) {
	w := newWorld(t)
	in := func(user, startURL string) {
		t.Helper()
		harness.Must(t, os.MkdirAll(filepath.Dir(w.sso), 0o700))
		harness.Must(t, os.WriteFile(w.sso, w.STS.SignInSSO(user).File(startURL, "eu-west-1"), 0o600))
	}
	in("bob", "https://other.awsapps.com/start")
	for _, args := range [][]string{{"--source-profile", "corp"}, {"--profile", "app"}} {
		r := w.Run(t, args...)
		if r.Code != harness.ExitInteraction || r.Stdout != "" || !strings.Contains(r.Stderr, "another start URL (https://other.awsapps.com/start)") || !strings.HasSuffix(r.Stderr, "; run: sts-helper login corp\n") {
			t.Errorf("exit %d, %q", r.Code, r.Stderr)
		}
	}
	if n := w.STS.Count("GetRoleCredentials"); n != 0 {
		t.Errorf("%d requests with another directory's login", n)
	}
	w.STS.SetBrowserUser("alice")
	tt, j := w.login(t, w.withBrowser(), "corp")
	browse(t, w.opened(t))
	w.ok(t, tt, j)
	w.Creds(t, w.Run(t, "--profile", "app"))
	for _, same := range []string{startURL + "/", startURL + "/#/", startURL + "#", strings.ToUpper(startURL[:30]) + startURL[30:]} {
		in("alice", same)
		w.Creds(t, w.Run(t, "--profile", "app"))
	}
	in("bob", "https://other.awsapps.com/start")
	r := w.Run(t, "logout", "corp")
	if _, err := os.Stat(w.sso); r.Code != 0 || !os.IsNotExist(err) {
		t.Errorf("logout: exit %d, %q; %v", r.Code, r.Stderr, err)
	}
}

// A login is not refreshed without its lock: what is valid serves, and else nothing.
func TestNoRefreshWithoutTheLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t, "alice")
	lock := strings.TrimSuffix(w.sso, ".json")
	lock = strings.Replace(lock, "/cache/", "/cache/.sts-helper-", 1) + ".lock"
	harness.Must(t, os.MkdirAll(lock, 0o700)) // a directory is no lock
	w.Creds(t, w.Run(t, "--profile", "app"))
	harness.EndsIn(t, w.sso, -time.Hour)
	r := w.Run(t, "--profile", "app", "--role-session-name", "other")
	if r.Code != harness.ExitUnreachable || !strings.Contains(r.Stderr, "never done without its lock") || w.STS.Count("CreateToken") != 0 {
		t.Errorf("exit %d, %q, %d refreshes", r.Code, r.Stderr, w.STS.Count("CreateToken"))
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	for entry, kind := range map[string]string{"app": "IAM Identity Center", "app-console": "AWS"} {
		t.Run(entry, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.signIn(t, "alice")
			w.signInConsole(t)
			gone, stays := w.sso, w.cons
			if entry == "app-console" {
				gone, stays = stays, gone
			}
			w.Creds(t, w.Run(t, "--profile", entry))
			w.Creds(t, w.Run(t, "--profile", entry, "--role-session-name", "other"))
			r := w.Run(t, "logout", entry)
			if r.Code != 0 || !strings.Contains(r.Stdout, "logged out of "+entry+": "+kind) || strings.Count(r.Stdout, "removed "+entry+": AssumeRole") < 2 {
				t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
			}
			if n := w.STS.Count("Logout"); (n == 1) != (entry == "app") {
				t.Errorf("the portal was told %d times", n)
			}
			if len(left(t, gone)) != 0 || len(left(t, stays)) != 1 {
				t.Errorf("left: %v, %v", left(t, gone), left(t, stays))
			}
			if r := w.Run(t, "--profile", entry); r.Code != harness.ExitInteraction {
				t.Errorf("exit %d, %q", r.Code, r.Stdout)
			}
			if r := w.Run(t, "logout", entry); r.Code != 0 || !strings.Contains(r.Stdout, "nothing was in the cache") {
				t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
			}
		})
	}
}

// login alone offers what needs one.
func TestLoginOffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.STS.SetBrowserUser("alice")
	r := w.Run(t, "login")
	for _, want := range []string{`"app" (not logged in to IAM Identity Center)`, `"app-console" (not logged in to AWS)`, `"corp"`, `"old"`} {
		if r.Code != harness.ExitUsage || !strings.Contains(r.Stderr, want) {
			t.Errorf("exit %d, %q lacks %s", r.Code, r.Stderr, want)
		}
	}
	tt, j := w.login(t, w.withBrowser())
	tt.Await("Enter for all, Ctrl-C to stop)? ", 1)
	tt.Type("app\n")
	browse(t, w.opened(t))
	w.ok(t, tt, j)
	w.Creds(t, w.Run(t, "--profile", "app"))
	tt, j = w.login(t, w.withBrowser())
	tt.Await("Enter for all, Ctrl-C to stop)? ", 1)
	if strings.Contains(tt.Screen(), " app  ") {
		t.Error("a name that needs no login is offered")
	}
	tt.Type("77\n")
	if r := j.Result(t); r.Code != harness.ExitUsage {
		t.Errorf("exit %d, %q", r.Code, tt.Rest())
	}
}

// Profiles of one login, account and role are one source: the portal is asked once for all their
// processes, and once for each other role.
func TestOneRequestForARole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t, "alice")
	jobs := w.start(t, crowd(), "app")
	for _, profile := range []string{"corp", "corp2", "corp", "corp2"} {
		jobs = append(jobs, harness.Start(t, nil, w.Command(t, "--source-profile", profile)))
	}
	for _, j := range jobs {
		w.Creds(t, j.Result(t))
	}
	if n := w.STS.Count("GetRoleCredentials"); n != 1 {
		t.Errorf("%d requests", n)
	}
	w.STS.Assign("alice", harness.Account, "ReadOnly")
	harness.Must(t, w.Write(".aws/config", strings.Replace(w.Read(t, ".aws/config"), "[profile corp2]\nsso_session = My Corp Ltd\nsso_account_id = "+harness.Account+"\nsso_role_name = Admin",
		"[profile corp2]\nsso_session = My Corp Ltd\nsso_account_id = "+harness.Account+"\nsso_role_name = ReadOnly", 1)))
	w.Creds(t, w.Run(t, "--source-profile", "corp2"))
	w.Creds(t, w.Run(t, "--source-profile", "corp"))
	if n := w.STS.Count("GetRoleCredentials"); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// A profile that is nothing but a login is logged in to by its own name.
func TestLoginToTheSourceItself(t *testing.T) {
	t.Parallel()
	for profile, user := range map[string]string{"corp": "alice", "old": "alice", "console": "carol"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.STS.SetBrowserUser(user)
			r := w.Run(t, "--source-profile", profile)
			if r.Code != harness.ExitInteraction || !strings.HasSuffix(r.Stderr, "; run: sts-helper login "+profile+"\n") {
				t.Errorf("exit %d, %q", r.Code, r.Stderr)
			}
			tt, j := w.login(t, w.withBrowser(), profile)
			browse(t, w.opened(t))
			w.ok(t, tt, j)
			w.Creds(t, w.Run(t, "--source-profile", profile))
			if r := w.Run(t, "logout", profile); r.Code != 0 || !strings.Contains(r.Stdout, "logged out of "+profile) {
				t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
			}
			if r := w.Run(t, "--source-profile", profile); r.Code != harness.ExitInteraction {
				t.Errorf("after the logout: exit %d, %q", r.Code, r.Stderr)
			}
		})
	}
}

// What failed for want of a login is tried again at once when there is one.
func TestNewLoginForgetsFailures(t *testing.T) {
	t.Parallel()
	for entry, file := range map[string]func(*world) string{"app": func(w *world) string { return w.sso }, "app-console": func(w *world) string { return w.cons }} {
		t.Run(entry, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.signIn(t, "alice")
			w.signInConsole(t)
			harness.EndsIn(t, file(w), -time.Hour)
			w.STS.EndSSO("alice")
			w.STS.EndLogin(w.arn, "TOKEN_EXPIRED")
			for range 2 {
				if r := w.Run(t, "--profile", entry); r.Code != harness.ExitInteraction {
					t.Errorf("exit %d, %q", r.Code, r.Stderr)
				}
			}
			if n := w.STS.Count("CreateToken") + w.STS.Count("CreateOAuth2Token"); n != 1 {
				t.Errorf("AWS refused %d times what it had refused", n)
			}
			if r := w.Run(t, "login", "--prompt", "never", entry); r.Code != harness.ExitInteraction || !strings.Contains(r.Stderr, "may not be asked") {
				t.Errorf("exit %d, %q", r.Code, r.Stderr)
			}
			w.signIn(t, "alice") // by another tool
			w.signInConsole(t)
			w.Creds(t, w.Run(t, "--profile", entry))
		})
	}
}

// A user who logs in anew, with any tool, gets nothing of the user who was logged in before.
func TestAnotherUserLogsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t, "alice")
	first := w.Creds(t, w.Run(t, "--profile", "app"))
	own := w.Creds(t, w.Run(t, "--source-profile", "corp"))
	w.signIn(t, "bob")
	if d := w.Creds(t, w.Run(t, "--profile", "app")); d.AccessKeyId == first.AccessKeyId {
		t.Error("bob got what was made for alice")
	}
	if d := w.Creds(t, w.Run(t, "--source-profile", "corp")); d.AccessKeyId == own.AccessKeyId {
		t.Error("bob got alice's credentials")
	}
}
