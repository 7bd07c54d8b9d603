package identitycenter_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness/chromium"
	"github.com/sts-helper/sts-helper/internal/source/identitycenter"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
)

// A user presses the buttons in a real browser.
func TestLoginInChromium(t *testing.T) {
	t.Parallel()
	f := start(t)
	b := chromium.Start(t)
	ctx := context.Background()
	press := func(button string) func(string) {
		return func(link string) {
			b.Open(link)
			b.Click(button)
		}
	}
	g, err := f.s.LoginBrowser(ctx, f.dir, corp, press("allow-alice"))
	if err != nil {
		t.Fatal(err)
	}
	b.Shows("p", "You are logged in. You can close this window.")
	l, err := g.Save(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	f.works(l)
	if _, err := f.s.LoginBrowser(ctx, f.dir, corp, press("refuse")); !errors.Is(err, oauth.ErrRefused) {
		t.Error(err)
	}
	b.Shows("p", "The login was refused. You can close this window.")
	g, err = f.s.LoginDevice(ctx, f.dir, corp, func(p identitycenter.Prompt) { press("allow-alice")(p.FullURL) })
	if err != nil {
		t.Fatal(err)
	}
	b.Shows("#done", "Request approved. You can close this window.")
	if l, err = g.Save(f.dir); err != nil {
		t.Fatal(err)
	}
	f.works(l)
}
