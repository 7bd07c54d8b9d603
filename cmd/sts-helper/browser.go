package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/sts-helper/sts-helper/internal/await"
	"github.com/sts-helper/sts-helper/internal/child"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/mfa"
	"github.com/sts-helper/sts-helper/internal/source"
	"github.com/sts-helper/sts-helper/lock"
)

// webLogin is how the login command has the user log in to IAM Identity Center and "aws login".
type webLogin struct {
	noBrowser, deviceCode bool
	done                  map[string]bool // logins that this run brought, by their names
}

// loginToSource logs in to the login that t's credentials come from, if there is one and it is
// needed. brought reports that this run brought that login.
func (p *program) loginToSource(ctx context.Context, t *target, how *webLogin, force bool) (brought bool, err error) {
	login, id := t.SourceLogin()
	if login == nil || how.done[id] {
		return login != nil, nil
	}
	name := t.name
	remote := p.remote()
	ask := source.Ask{
		AnyDevice: how.deviceCode || remote != "" && !how.noBrowser,
		Never:     t.Request().Prompt == string(mfa.PromptNever),
		TTY:       mfa.TerminalName(),
		Waiting: func(who lock.Holder) {
			next := ""
			if who.Asking {
				next = "; go on there"
			}
			p.progress("%s: waiting for %s%s", name, display.Safe(who.String()), next)
		},
		Read: p.pasted,
	}
	ask.Show = func(page source.Page) { p.show(name, login.Kind(), page, ask.AnyDevice, how.noBrowser, remote) }
	brought, err = login.Login(ctx, ask, force)
	if err != nil || !brought {
		return false, err
	}
	if how.done == nil {
		how.done = map[string]bool{}
	}
	how.done[id] = true
	p.progress("%s: logged in to %s", name, login.Kind())
	return true, nil
}

// show says where a login goes on, opens the browser where there is one, and says what is waited
// for.
func (p *program) show(name, kind string, page source.Page, anyDevice, noBrowser bool, remote string) {
	until := "until " + page.Until.Local().Format("15:04:05") + "; Ctrl-C gives up"
	switch {
	case anyDevice && page.Code != "":
		why := ""
		if remote != "" {
			why = " (" + remote + ")"
		}
		p.progress("%s: log in to %s in a browser on any device%s: %s", name, kind, why, page.URL)
		p.progress("%s: or enter the code %s at %s", name, display.Safe(page.Code), display.Safe(page.Plain))
		p.progress("%s: waiting for the login in the browser (%s)", name, until)
	case anyDevice:
		p.progress("%s: log in to %s in a browser on any device, and paste here the code that it shows: %s", name, kind, page.URL)
		p.progress("%s: waiting for the code (%s)", name, until)
	case noBrowser:
		p.progress("%s: log in to %s in a browser on this machine: %s", name, kind, page.URL)
		p.progress("%s: waiting for the login in the browser (%s)", name, until)
	default:
		p.progress("%s: logging in to %s in the browser; if none opens, open %s", name, kind, page.URL)
		p.progress("%s: waiting for the login in the browser (%s)", name, until)
		p.openBrowser(name, page.URL)
	}
}

// openBrowser opens a page in the user's browser. Where that fails the user, who has been shown
// the page, is told.
func (p *program) openBrowser(name, url string) {
	c := p.browser(url)
	c.Env = child.Environ()
	ended, err := c.Detach()
	if err != nil {
		p.progress("%s: no browser opens: %s cannot be run: %s", name, display.Quote(c.Path), display.Innermost(err))
		return
	}
	go func() {
		// A launcher that found a browser has ended well, or is the browser itself.
		if r := <-ended; r.Failed() {
			p.progress("%s: no browser opens: %s %s", name, display.Quote(c.Path), r.Failure())
		}
	}()
}

// browser is the command that opens a page: the one that BROWSER names, as for xdg-open and
// Python's webbrowser, or the system's.
func (p *program) browser(url string) child.Command {
	if line, _, _ := strings.Cut(p.env.Getenv("BROWSER"), ":"); line != "" {
		if words, err := display.SplitCommand(line); err == nil && len(words) > 0 {
			put := false
			for i, w := range words {
				put = put || strings.Contains(w, "%s")
				words[i] = strings.ReplaceAll(w, "%s", url)
			}
			if !put {
				words = append(words, url)
			}
			return child.Command{Path: words[0], Args: words[1:]}
		}
	}
	switch runtime.GOOS {
	case "darwin":
		return child.Command{Path: "/usr/bin/open", Args: []string{url}}
	case "windows":
		return child.Command{Path: "rundll32.exe", Args: []string{"url.dll,FileProtocolHandler", url}}
	}
	if p.env.Getenv("WSL_DISTRO_NAME") != "" {
		return child.Command{Path: "rundll32.exe", Args: []string{"url.dll,FileProtocolHandler", url}}
	}
	return child.Command{Path: "xdg-open", Args: []string{url}}
}

// remote says why a browser on this machine would not be the user's, "" where it would. BROWSER
// is the user's word that there is one: editors set it in the containers and remote shells that
// they open, with a port that leads back.
func (p *program) remote() string {
	get := p.env.Getenv
	if get("BROWSER") != "" {
		return ""
	}
	if get("SSH_CONNECTION") != "" || get("SSH_TTY") != "" {
		return "this is an ssh session"
	}
	if runtime.GOOS != "linux" {
		return ""
	}
	if get("container") != "" {
		return "this is a container"
	}
	for _, mark := range [...]string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return "this is a container"
		}
	}
	if get("DISPLAY") == "" && get("WAYLAND_DISPLAY") == "" && get("WSL_DISTRO_NAME") == "" {
		return "there is no display"
	}
	return ""
}

// maxPasted bounds a pasted code, in bytes.
const maxPasted = 8 << 10

// pasted reads the line that the user pastes.
func (p *program) pasted(ctx context.Context) (string, error) {
	line, err := await.Call(ctx, func() ([]byte, error) {
		return bufio.NewReader(io.LimitReader(os.Stdin, maxPasted)).ReadBytes('\n')
	})
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case len(line) == 0:
		return "", failure.Interactionf(err, "", "standard input ended before the code came; nothing has changed")
	}
	return string(line), nil // its end may be missing
}
