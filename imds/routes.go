package imds

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	headerToken = "X-Aws-Ec2-Metadata-Token"
	headerTTL   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
)

// route answers a request that passed all guards. It looks at the raw request target: nothing is
// decoded, cleaned or redirected, because no SDK follows a redirect and every decoding is a second
// opinion about what the path is. Slashes may be doubled, and trail.
func (s *servingState) route(w http.ResponseWriter, r *http.Request, p *peer, now time.Time) (status int, route, profile string, out podOutcome) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	path = squeeze(path)
	if s.cfg.Pods != nil {
		return s.podRoute(w, r, p, path, now)
	}
	if name, ok := strings.CutPrefix(path, containerPrefix); ok {
		status, profile = s.container(w, r, p, name, now)
		return status, "container", profile, out
	}
	healthy := path == "/healthz" && !p.ecs && s.local(p.remote.Addr()) // for a health check beside a server that listens everywhere
	if (p.open || p.ecs) && !healthy {
		return failJSON(w, http.StatusNotFound, "NotFound", "only container credentials are served on this address"), "other", "", out
	}
	if healthy {
		return s.health(w, r, now), "health", "", out
	}
	if s.role == nil {
		return failJSON(w, http.StatusNotFound, "NotFound", "no such path"), "other", "", out
	}
	status, route = s.metadata(w, r, p, path[1:], now)
	return status, route, s.role.p.Name, out
}

// squeeze takes the slash off the end of a path and makes one slash of several. The path begins with
// one, and so does what is left of it.
func squeeze(path string) string {
	if strings.Contains(path, "//") {
		b := make([]byte, 0, len(path))
		for i := range len(path) {
			if path[i] != '/' || i == 0 || path[i-1] != '/' {
				b = append(b, path[i])
			}
		}
		path = string(b)
	}
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	return path
}

// metadata answers as the instance metadata service does, version 2 only: without a good session token
// every path is 401, those that do not exist too.
func (s *servingState) metadata(w http.ResponseWriter, r *http.Request, p *peer, path string, now time.Time) (int, string) {
	version, rest, _ := strings.Cut(path, "/")
	if path == "latest/api/token" {
		return s.token(w, r, p, now), "token"
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header()["Allow"] = []string{"GET, HEAD"}
		return failHTML(w, http.StatusMethodNotAllowed, ""), "metadata"
	}
	sent := r.Header[headerToken]
	if len(sent) != 1 {
		return failHTML(w, http.StatusUnauthorized, ""), "metadata"
	}
	if !s.sessions.check(sent[0], p, now) {
		return failHTML(w, http.StatusUnauthorized, ""), "metadata"
	}
	if path == "" {
		return write(w, http.StatusOK, typeText, []byte("latest")), "metadata"
	}
	e, ok := s.tree[rest]
	if !ok {
		e, ok = s.tree[unescapeRole(rest)]
	}
	if version != "latest" || !ok {
		return failHTML(w, http.StatusNotFound, ""), "metadata"
	}
	return s.answer(w, r, p, e, now), "metadata"
}

// unescapeRole undoes the escapes that a client may put into a role's name for characters that need
// none, + = , and @. No other escape means anything here.
func unescapeRole(path string) string {
	if !strings.HasPrefix(path, "meta-data/iam/") || !strings.Contains(path, "%") {
		return path
	}
	return strings.NewReplacer("%2B", "+", "%2b", "+", "%3D", "=", "%3d", "=", "%2C", ",", "%2c", ",", "%40", "@").Replace(path)
}

// token gives out a session token. Only what is wrong with the life asked for is 400: other statuses
// make SDKs try version 1 for as long as they run, or never again.
func (s *servingState) token(w http.ResponseWriter, r *http.Request, p *peer, now time.Time) int {
	if r.Method != http.MethodPut {
		w.Header()["Allow"] = []string{"PUT"}
		return failHTML(w, http.StatusMethodNotAllowed, "")
	}
	sent := r.Header[headerTTL]
	if len(sent) != 1 {
		return failHTML(w, http.StatusBadRequest, "")
	}
	ttl, ok := parseTTL(sent[0])
	if !ok {
		return failHTML(w, http.StatusBadRequest, "")
	}
	w.Header()[headerTTL] = []string{strconv.Itoa(int(ttl / time.Second))}
	return write(w, http.StatusOK, typeText, []byte(s.sessions.issue(p, now, ttl)))
}

// answer gives what is at a path. While there are no credentials, what depends on them is 404 if
// the user must log in, which SDKs take for an instance without a role and do not retry; else 503.
func (s *servingState) answer(w http.ResponseWriter, r *http.Request, p *peer, e entry, now time.Time) int {
	snap := s.role.cur.Load()
	if e.of == nil || e.early && snap == nil { // a region is wanted by clients that have no need of credentials yet
		return write(w, http.StatusOK, typeText, e.text)
	}
	if !e.early {
		var f *failure
		if snap, f = s.role.get(r.Context(), now); snap == nil {
			if f.login {
				return failHTML(w, http.StatusNotFound, "LoginRequired: "+s.role.loginMessage())
			}
			waitBefore(w, s.role.retryIn(now))
			return failHTML(w, http.StatusServiceUnavailable, "")
		}
	}
	b := e.of(snap)
	if b == nil {
		return failHTML(w, http.StatusNotFound, "")
	}
	if e.secret {
		s.given(p, s.role, snap, Handout{IMDS: true})
	}
	return write(w, http.StatusOK, typeText, b)
}

// health says in one word whether every profile has credentials: "ready", or with 503
// "login-required", "unavailable" (fetching fails) or "starting" (nothing was fetched yet).
func (s *servingState) health(w http.ResponseWriter, r *http.Request, now time.Time) int {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header()["Allow"] = []string{"GET, HEAD"}
		return write(w, http.StatusMethodNotAllowed, typeText, []byte("method not allowed\n"))
	}
	word := s.healthWord(now)
	status := http.StatusOK
	if word != "ready" {
		status = http.StatusServiceUnavailable
	}
	return write(w, status, typeText, []byte(word+"\n"))
}
