package emulator

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// servePage answers the pages that a browser sees during a login: a form with one
// button for each user who may sign in, and one that refuses. With a user set by
// [Emulator.SetBrowserUser] the pages answer as if that button had been pressed, so a
// client that follows redirects is a browser. False: there is no such page.
func (e *Emulator) servePage(w http.ResponseWriter, r *http.Request) bool {
	show := map[string]func(http.ResponseWriter, *http.Request){
		"/authorize":    e.pageAuthorize,
		"/device":       e.pageDevice,
		"/v1/authorize": e.pageConsole,
		confirmation:    e.pageConfirmation,
	}[r.URL.Path]
	if show == nil {
		return false
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil || r.Method != http.MethodGet && r.Method != http.MethodPost {
		sendPage(w, http.StatusBadRequest, "<p>This is no request.</p>")
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.center == nil && !strings.HasPrefix(r.URL.Path, "/v1/") {
		sendPage(w, http.StatusNotFound, "<p>There is no instance of IAM Identity Center.</p>")
		return true
	}
	show(w, r)
	return true
}

// refuseUser is the choice of the button that refuses.
const refuseUser = "!refuse"

// SetBrowserUser decides who is signed in in the browser: the pages go on as that user
// at once. "" shows the buttons again, "!refuse" refuses every request.
func (e *Emulator) SetBrowserUser(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.browserUser = name
}

// choice is the user whose button was pressed, or who is signed in already; "" for
// none yet.
func (e *Emulator) choice(r *http.Request) string {
	if r.Method == http.MethodPost {
		return r.PostForm.Get("user")
	}
	return e.browserUser
}

func (e *Emulator) pageAuthorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	cl := e.center.clients[q.Get("client_id")]
	redirect := q.Get("redirect_uri")
	bare, ok := loopbackRedirect(redirect)
	switch {
	case cl == nil || !e.Now().Before(cl.expires()) || !slices.Contains(cl.grants, grantCode):
		sendPage(w, http.StatusBadRequest, "<p>The client is not registered for this.</p>")
		return
	case !ok || !hasPort(redirect) || !slices.Contains(cl.redirects, bare):
		sendPage(w, http.StatusBadRequest, "<p>The redirect URI is not registered.</p>")
		return
	}
	back := url.Values{"state": {q.Get("state")}}
	scopes := strings.Fields(q.Get("scopes"))
	switch {
	case q.Get("response_type") != "code" || q.Get("state") == "":
		back.Set("error", "invalid_request")
	case q.Get("code_challenge_method") != "S256" || !isChallenge(q.Get("code_challenge")):
		back.Set("error", "invalid_request")
	case len(scopes) == 0 || slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(cl.scopes, s) }):
		back.Set("error", "invalid_scope")
	default:
		switch user := e.choice(r); {
		case user == "":
			sendPage(w, http.StatusOK, buttons("Allow access to your data?", e.center.names()))
			return
		case user == refuseUser:
			back.Set("error", "access_denied")
		case !e.center.known(user):
			sendPage(w, http.StatusBadRequest, "<p>There is no such user.</p>")
			return
		default:
			code := "code" + canary + random64(60)
			e.center.codes[code] = &authCode{client: q.Get("client_id"), redirect: redirect,
				challenge: q.Get("code_challenge"), user: user, ends: e.Now().Add(codeLife)}
			back.Set("code", code)
		}
	}
	http.Redirect(w, r, redirect+"?"+back.Encode(), http.StatusFound)
}

func (e *Emulator) pageDevice(w http.ResponseWriter, r *http.Request) {
	code := strings.ToUpper(r.Form.Get("user_code"))
	d := e.center.waiting(code)
	user := e.choice(r)
	switch {
	case code == "":
		sendPage(w, http.StatusOK, `<form method=get action=/device><label>Code <input name=user_code></label> <button id=next>Next</button></form>`)
	case d == nil || !e.Now().Before(d.ends):
		sendPage(w, http.StatusBadRequest, "<p>The code is not valid.</p>")
	case user == "":
		sendPage(w, http.StatusOK, buttons("Code "+code+": allow access to your data?", e.center.names()))
	case user == refuseUser:
		d.denied = true
		sendPage(w, http.StatusOK, "<p id=done>Request refused. You can close this window.</p>")
	case !e.center.known(user):
		sendPage(w, http.StatusBadRequest, "<p>There is no such user.</p>")
	default:
		d.user = user
		sendPage(w, http.StatusOK, "<p id=done>Request approved. You can close this window.</p>")
	}
}

// waiting finds the device that shows a code and has no decision yet.
func (ic *identityCenter) waiting(userCode string) *device {
	for _, d := range ic.devices {
		if d.userCode == userCode && d.user == "" && !d.denied {
			return d
		}
	}
	return nil
}

func (ic *identityCenter) names() []string {
	var names []string
	for _, u := range ic.Users {
		names = append(names, u.Name)
	}
	return names
}

// buttons is a form that sends the same request again with the user who was chosen.
func buttons(question string, users []string) string {
	var b strings.Builder
	b.WriteString("<p>" + html.EscapeString(question) + "</p><form method=post>")
	for _, u := range users {
		u = html.EscapeString(u)
		b.WriteString(`<button id="allow-` + u + `" name=user value="` + u + `">Allow as ` + u + "</button> ")
	}
	b.WriteString(`<button id=refuse name=user value="` + refuseUser + `">Refuse</button></form>`)
	return b.String()
}

func sendPage(w http.ResponseWriter, status int, body string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, "<!DOCTYPE html>\n<html lang=en><head><title>Sign in</title></head>\n<body>"+body+"</body></html>\n")
}
