package imds

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"time"
)

// containerPrefix comes before a profile's name.
const containerPrefix = "/credentials/"

// container answers one container credentials request. A caller without a good token learns nothing, not even
// which names there are.
func (s *servingState) container(w http.ResponseWriter, r *http.Request, p *peer, name string, now time.Time) (status int, profile string) {
	if r.Method != http.MethodGet {
		w.Header()["Allow"] = []string{"GET"}
		return failJSON(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "only GET is possible here"), ""
	}
	sent := r.Header["Authorization"]
	rf := s.containers[name]
	if p.ecs && name != s.cfg.ECS {
		rf = nil
	}
	if !p.ecs && (len(sent) != 1 || !s.authorized(sent[0], rf)) {
		return failJSON(w, http.StatusForbidden, "AccessDenied", "the Authorization header is missing or wrong"), ""
	}
	if rf == nil {
		return failJSON(w, http.StatusNotFound, "NotFound", "no such profile is served here"), ""
	}
	return s.credentials(w, r, p, rf, nil, now)
}

// credentials answers a client that may have those of rf.
func (s *servingState) credentials(w http.ResponseWriter, r *http.Request, p *peer, rf *refresher, pod *Pod, now time.Time) (status int, profile string) {
	snap, f := rf.get(r.Context(), now)
	switch {
	case snap != nil:
		s.given(p, rf, snap, Handout{Pod: pod})
		return write(w, http.StatusOK, typeJSON, snap.container), rf.p.Name
	case f.login:
		return failJSON(w, http.StatusBadRequest, "LoginRequired", rf.loginMessage()), rf.p.Name
	}
	waitBefore(w, rf.retryIn(now))
	return failJSON(w, http.StatusServiceUnavailable, "ServiceUnavailable", "there are no valid credentials at present; the server's log says why"), rf.p.Name
}

// given logs who gets what, where that is wanted.
func (s *servingState) given(p *peer, rf *refresher, snap *snapshot, h Handout) {
	if s.cfg.Given == nil {
		return
	}
	h.Profile, h.Credentials, h.UID = rf.p.Name, snap.creds, p.user()
	s.cfg.Given(h)
}

func (rf *refresher) loginMessage() string {
	if rf.p.LoginHint != "" {
		return rf.p.LoginHint
	}
	return "log in first"
}

// authorized compares what was sent, alone or after "Bearer ", with the profile's token; for a name that
// is not served, with every token, so that only callers with one learn that.
func (s *servingState) authorized(sent string, rf *refresher) bool {
	sent = strings.TrimPrefix(sent, "Bearer ")
	if rf != nil {
		return sameToken(sent, rf.p.BearerToken)
	}
	ok := false
	for _, rf := range s.containers {
		ok = sameToken(sent, rf.p.BearerToken) || ok
	}
	return ok
}

// sameToken takes a time that depends on the lengths only. Lengths are no secret.
func sameToken(sent, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(sent), []byte(want)) == 1
}
