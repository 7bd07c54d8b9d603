// Package chromium is a headless Chromium in which tests press the buttons of a login. It is
// driven by the DevTools protocol over a pipe (--remote-debugging-pipe), and can reach 127.0.0.1
// only.
package chromium

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Browser is one browser with one page.
type Browser struct {
	t       testing.TB
	send    *os.File
	answers *bufio.Reader
	session string
	next    int
}

// names are what distributions call the program.
var names = []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"}

// Start starts a browser for the length of a test, which is left out where there is none.
func Start(t testing.TB) *Browser {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	var path string
	for _, n := range names {
		if p, err := exec.LookPath(n); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium is installed")
	}
	fromUs, toBrowser := pipe(t)
	fromBrowser, toUs := pipe(t)
	home := t.TempDir()
	cmd := exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir="+home, "--remote-debugging-pipe", "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+home)
	cmd.ExtraFiles = []*os.File{fromUs, toUs} // descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Its answers end with it, so that none is waited for for ever.
	kill := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() })
	fromUs.Close()
	toUs.Close()
	b := &Browser{t: t, send: toBrowser, answers: bufio.NewReader(fromBrowser)}
	t.Cleanup(func() {
		kill.Stop()
		b.send.Close() // ends the browser, which lost its driver
		done := make(chan struct{})
		go func() { cmd.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-done
		}
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	return b
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// call is one command; events that arrive before its answer are dropped.
func (b *Browser) call(method string, params any, out any) {
	b.t.Helper()
	b.next++
	m := map[string]any{"id": b.next, "method": method, "params": params}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	if err == nil {
		_, err = b.send.Write(append(text, 0))
	}
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		line, err := b.answers.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s: the browser is gone: %v", method, err)
		}
		var a struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(line[:len(line)-1], &a); err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
		if a.ID != b.next {
			continue
		}
		if a.Error != nil && strings.Contains(a.Error.Message, "navigated") {
			return // to another page, before it was answered in this one: out is as it was
		}
		if a.Error != nil {
			b.t.Fatalf("%s: %s", method, a.Error.Message)
		}
		if err := json.Unmarshal(a.Result, out); err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
		return
	}
}

// Open goes to a page.
func (b *Browser) Open(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, &struct{}{})
}

// evaluate is the string that an expression gives; "" where there is none.
func (b *Browser) evaluate(expression string) string {
	b.t.Helper()
	var out struct {
		Result struct{ Value any }
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &out)
	s, _ := out.Result.Value.(string)
	return s
}

// patience is for a machine that does much else.
const patience = 2 * time.Minute

// wait asks for an expression until it gives something.
func (b *Browser) wait(what, expression string) string {
	b.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if s := b.evaluate(expression); s != "" {
			return s
		}
	}
	b.t.Fatalf("there is no %s in the page: %s", what, b.evaluate("document.documentElement.outerHTML"))
	return ""
}

// Click waits for the element with an id and presses it, once the question whether it is there has been answered: the
// page may be gone then.
func (b *Browser) Click(id string) {
	b.t.Helper()
	b.wait(id, fmt.Sprintf(`(e => e && document.readyState == "complete" ? (setTimeout(() => e.click()), "done") : "")(document.getElementById(%s))`, strconv.Quote(id)))
}

// Text waits for the first element that a selector finds and gives its text.
func (b *Browser) Text(selector string) string {
	b.t.Helper()
	return b.wait(selector, fmt.Sprintf(`document.querySelector(%s)?.textContent ?? ""`, strconv.Quote(selector)))
}

// Shows waits until the first element that a selector finds has a text.
func (b *Browser) Shows(selector, text string) {
	b.t.Helper()
	b.wait(text, fmt.Sprintf(`document.querySelector(%s)?.textContent == %s ? "yes" : ""`, strconv.Quote(selector), strconv.Quote(text)))
}
