package login_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

func TestLoginByBrowser(t *testing.T) {
	t.Parallel()
	for entry, file := range map[string]func(*world) string{
		"app":         func(w *world) string { return w.sso },
		"app-console": func(w *world) string { return w.cons },
	} {
		t.Run(entry, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.STS.SetBrowserUser(map[string]string{"app": "alice", "app-console": "carol"}[entry])
			tt, j := w.login(t, w.withBrowser(), entry)
			if page := browse(t, w.opened(t)); !strings.Contains(page, "You are logged in") {
				t.Error(page)
			}
			w.ok(t, tt, j)
			tt.Await("waiting for the login in the browser", 1)
			private(t, file(w))
			calls := w.STS.Count("")
			w.Creds(t, w.Run(t, "--profile", entry))
			if n := w.STS.Count(""); n != calls {
				t.Errorf("%d requests for what the login brought", n-calls)
			}
			// What is there is kept, and no user is asked.
			if r := w.Run(t, "login", entry); r.Code != 0 || !strings.Contains(r.Stdout, "kept, good until") || r.Stderr != "" {
				t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
			}
			// By force the user logs in anew.
			before := w.Read(t, w.rel(t, file(w)))
			tt, j = w.login(t, w.withBrowser(), "--force", entry)
			browse(t, w.opened(t))
			w.ok(t, tt, j)
			if w.Read(t, w.rel(t, file(w))) == before {
				t.Error("the login is the old one")
			}
		})
	}
}

func (w *world) rel(t *testing.T, file string) string {
	t.Helper()
	rel, err := filepath.Rel(w.Dir, file)
	harness.Must(t, err)
	return rel
}

// Without a browser of the user's there is a code; ssh, containers and machines without a display
// are such.
func TestLoginByDeviceCode(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{
		"ssh":        {"SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22", "DISPLAY=:0"},
		"container":  {"container=podman", "DISPLAY=:0"},
		"display":    {"DISPLAY=", "WAYLAND_DISPLAY="},
		"on request": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.STS.SetBrowserUser("alice")
			args := []string{"app"}
			if env == nil {
				env, args = w.withBrowser(), []string{"--device-code", "app"}
			}
			tt, j := w.login(t, env, args...)
			url := shown(t, tt, "in a browser on any device")
			tt.Await("or enter the code ", 1)
			browse(t, url)
			w.ok(t, tt, j)
			private(t, w.sso)
			w.Creds(t, w.Run(t, "--profile", "app"))
			if _, err := os.Stat(filepath.Join(w.Dir, "url")); err == nil {
				t.Error("a browser was opened")
			}
		})
	}
}

// The URL is shown instead of a browser opened, and the browser comes back here all the same.
func TestLoginWithoutOpeningABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.STS.SetBrowserUser("alice")
	tt, j := w.login(t, w.withBrowser(), "--no-browser", "app-old")
	browse(t, shown(t, tt, "in a browser on this machine"))
	w.ok(t, tt, j)
	if _, err := os.Stat(filepath.Join(w.Dir, "url")); err == nil {
		t.Error("a browser was opened")
	}
	w.Creds(t, w.Run(t, "--profile", "app-old"))
}

// A login of "aws login" from another device is finished by what its page shows.
func TestLoginByPastedCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.STS.SetBrowserUser("carol")
	tt, j := w.login(t, []string{"SSH_CONNECTION=x"}, "app-console")
	page := browse(t, shown(t, tt, "paste here the code that it shows"))
	tt.Type(codeOn(t, page) + "\n")
	w.ok(t, tt, j)
	private(t, w.cons)
	w.Creds(t, w.Run(t, "--profile", "app-console"))

	tt, j = w.login(t, []string{"SSH_CONNECTION=x"}, "--force", "app-console")
	shown(t, tt, "paste here the code that it shows")
	before := w.Read(t, w.rel(t, w.cons))
	tt.Type("Y29kZT14JnN0YXRlPXk=\n")
	if r := j.Result(t); r.Code != harness.ExitInteraction || w.Read(t, w.rel(t, w.cons)) != before || !strings.Contains(tt.Rest(), "not the code") {
		t.Errorf("exit %d, %q", r.Code, tt.Screen())
	}
}

func codeOn(t *testing.T, page string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "<code id=code>")
	code, _, ok2 := strings.Cut(rest, "<")
	if !ok || !ok2 {
		t.Fatalf("no code on %q", page)
	}
	return code
}

// What does not come to an end leaves everything as it was.
func TestLoginThatFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		user string
		args []string
		do   func(t *testing.T, w *world, tt *harness.Terminal)
		code int
		says string
	}{
		"cancelled, browser": {"", []string{"app"}, func(t *testing.T, w *world, tt *harness.Terminal) { w.opened(t); tt.Type("\x03") }, 130, ""},
		"cancelled, device":  {"", []string{"--device-code", "app"}, func(t *testing.T, w *world, tt *harness.Terminal) { shown(t, tt, "on any device"); tt.Type("\x03") }, 130, ""},
		"cancelled, console": {"", []string{"app-console"}, func(t *testing.T, w *world, tt *harness.Terminal) { w.opened(t); tt.Type("\x03") }, 130, ""},
		"cancelled, paste":   {"", []string{"--device-code", "app-console"}, func(t *testing.T, w *world, tt *harness.Terminal) { shown(t, tt, "on any device"); tt.Type("\x03") }, 130, ""},
		"refused, browser":   {"!refuse", []string{"app"}, func(t *testing.T, w *world, tt *harness.Terminal) { browse(t, w.opened(t)) }, harness.ExitDenied, "refused in the browser"},
		"refused, device":    {"!refuse", []string{"--device-code", "app"}, func(t *testing.T, w *world, tt *harness.Terminal) { browse(t, shown(t, tt, "on any device")) }, harness.ExitDenied, "refused in the browser"},
		"refused, console":   {"!refuse", []string{"app-console"}, func(t *testing.T, w *world, tt *harness.Terminal) { browse(t, w.opened(t)) }, harness.ExitDenied, "refused in the browser"},
		"another user":       {"dave", []string{"app-console"}, func(t *testing.T, w *world, tt *harness.Terminal) { browse(t, w.opened(t)) }, harness.ExitDenied, "another identity"},
		"timed out, device":  {"", []string{"--device-code", "app"}, func(t *testing.T, w *world, tt *harness.Terminal) { shown(t, tt, "on any device"); w.later() }, harness.ExitInteraction, "was not finished in time"},
		"input ended, paste": {"", []string{"--device-code", "app-console"}, func(t *testing.T, w *world, tt *harness.Terminal) { shown(t, tt, "on any device"); tt.Type("\x04") }, harness.ExitInteraction, "ended before the code"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.STS.SetBrowserUser(tc.user)
			for _, there := range []bool{false, true} {
				args := tc.args
				if there {
					w.signIn(t, "bob")
					w.signInConsole(t)
					args = append([]string{"--force"}, args...)
				}
				files := func() string {
					text := strings.Join(left(t, w.sso), " ") + strings.Join(left(t, w.cons), " ")
					for _, f := range []string{w.sso, w.cons} {
						b, _ := os.ReadFile(f)
						text += string(b)
					}
					return text
				}
				before := files()
				tt, j := w.login(t, w.withBrowser(), args...)
				tc.do(t, w, tt)
				r := j.Result(t)
				if screen := tt.Rest(); r.Code != tc.code || r.Stdout != "" || !strings.Contains(screen, tc.says) {
					t.Errorf("exit %d, want %d; %q, %q", r.Code, tc.code, r.Stdout, screen)
				}
				if now := files(); now != before {
					t.Errorf("left behind: %s", now)
				}
			}
		})
	}
}

// A login that looks good and that AWS does not take any more is brought anew.
func TestLoginThatEndedElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.STS.SetBrowserUser("alice")
	w.signIn(t, "alice")
	w.STS.EndSSO("alice")
	tt, j := w.login(t, w.withBrowser(), "app")
	browse(t, w.opened(t))
	w.ok(t, tt, j)
	w.Creds(t, w.Run(t, "--profile", "app"))
}

// The browser that cannot be opened is said, and the page can be opened by hand.
func TestLoginWithoutABrowserProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.STS.SetBrowserUser("alice")
	for _, browser := range []string{"/nowhere/browser", "false"} {
		tt, j := w.login(t, []string{"BROWSER=" + browser}, "--force", "app")
		tt.Await("no browser opens", 1)
		browse(t, shown(t, tt, "if none opens, open"))
		w.ok(t, tt, j)
	}
}
