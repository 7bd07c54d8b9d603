package login_test

import (
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/integration/harness/chromium"
)

// A user at a terminal logs in with a real browser: by the page that comes back to this machine,
// by a code, and by a code that is pasted.
func TestLoginInChromium(t *testing.T) {
	t.Parallel()
	b := chromium.Start(t)
	w := newWorld(t)
	tt, j := w.login(t, w.withBrowser(), "app")
	b.Open(w.opened(t))
	b.Click("allow-alice")
	b.Shows("p", "You are logged in. You can close this window.")
	w.ok(t, tt, j)
	w.Creds(t, w.Run(t, "--profile", "app"))

	tt, j = w.login(t, w.withBrowser(), "--device-code", "app-old")
	b.Open(shown(t, tt, "in a browser on any device"))
	b.Click("allow-bob")
	b.Shows("#done", "Request approved. You can close this window.")
	w.ok(t, tt, j)
	w.Creds(t, w.Run(t, "--profile", "app-old"))

	tt, j = w.login(t, w.withBrowser(), "--device-code", "app-console")
	b.Open(shown(t, tt, "paste here the code that it shows"))
	b.Click("allow-" + w.arn)
	tt.Type(b.Text("#code") + "\n")
	w.ok(t, tt, j)
	w.Creds(t, w.Run(t, "--profile", "app-console"))

	tt, j = w.login(t, w.withBrowser(), "--force", "app")
	b.Open(w.opened(t))
	b.Click("refuse")
	b.Shows("p", "The login was refused. You can close this window.")
	if r := j.Result(t); r.Code != harness.ExitDenied {
		t.Errorf("exit %d, %q", r.Code, tt.Rest())
	}
}
