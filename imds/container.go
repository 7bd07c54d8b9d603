package imds

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"time"
)

// containerPrefix comes before a profile's name.
const containerPrefix = "/credentials/"

// container answers one container credentials request. Who has no good token learns nothing, not even
// which names there are.
func (s *site) container(w http.ResponseWriter, r *http.Request, name string, now time.Time) (status int, profile string) {
	if r.Method != http.MethodGet {
		w.Header()["Allow"] = []string{"GET"}
		return failJSON(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "only GET is possible here"), ""
	}
	sent := r.Header["Authorization"]
	h := s.containers[name]
	if len(sent) != 1 || !s.authorized(sent[0], h) {
		return failJSON(w, http.StatusForbidden, "AccessDenied", "the Authorization header is missing or wrong"), ""
	}
	if h == nil {
		return failJSON(w, http.StatusNotFound, "NotFound", "no such profile is served here"), ""
	}
	snap, f := h.get(r.Context(), now)
	switch {
	case snap != nil:
		return write(w, http.StatusOK, typeJSON, snap.container), h.p.Name
	case f.login:
		return failJSON(w, http.StatusBadRequest, "LoginRequired", h.loginMessage()), h.p.Name
	}
	waitBefore(w, h.retryIn(now))
	return failJSON(w, http.StatusServiceUnavailable, "ServiceUnavailable", "there are no valid credentials at present; the server's log says why"), h.p.Name
}

func (h *holder) loginMessage() string {
	if h.p.LoginHint != "" {
		return h.p.LoginHint
	}
	return "somebody must log in first"
}

// authorized compares what was sent, alone or after "Bearer ", with the profile's token; for a name that
// is not served, with every token, so that only those who have one can tell.
func (s *site) authorized(sent string, h *holder) bool {
	sent = strings.TrimPrefix(sent, "Bearer ")
	if h != nil {
		return sameToken(sent, h.p.BearerToken)
	}
	ok := false
	for _, h := range s.containers {
		ok = sameToken(sent, h.p.BearerToken) || ok
	}
	return ok
}

// sameToken takes a time that depends on the lengths only. Lengths are no secret.
func sameToken(sent, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(sent), []byte(want)) == 1
}
