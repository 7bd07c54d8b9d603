package awslogin_test

import (
	"context"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness/chromium"
)

// A user presses the buttons in a real browser, and copies the code that it shows.
func TestLoginInChromium(t *testing.T) {
	f := start(t)
	b := chromium.Start(t)
	press := func(link string) {
		b.Open(link)
		b.Click("allow-" + f.alice.ARN)
	}
	f.save(f.s.LoginBrowser(context.Background(), press))
	b.Shows("p", "You are logged in. You can close this window.")
	f.save(f.s.LoginPaste(context.Background(), press, func(context.Context) (string, error) { return b.Text("#code"), nil }))
}
