package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// consolePath is where the sign-in service exchanges credentials for a sign-in token.
const consolePath = "/federation"

// serveConsole is the federation endpoint of the sign-in service
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html):
// it takes the credentials of roles and of federation tokens that have not ended, and nothing else.
func (e *Emulator) serveConsole(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != consolePath {
		return false
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	refuse := func() { http.Error(w, "Bad Request", http.StatusBadRequest) }
	if err != nil || r.Method != http.MethodGet || q.Get("Action") != "getSigninToken" || len(q) != 2 || len(q["Session"]) != 1 {
		refuse()
		return true
	}
	var given struct {
		ID    string `json:"sessionId"`
		Key   string `json:"sessionKey"`
		Token string `json:"sessionToken"`
	}
	dec := json.NewDecoder(strings.NewReader(q.Get("Session")))
	dec.DisallowUnknownFields()
	if dec.Decode(&given) != nil {
		refuse()
		return true
	}
	e.mu.Lock()
	s := e.sessions[given.ID]
	good := s != nil && s.secret == given.Key && s.token == given.Token && s.issuedBy() != "GetSessionToken" && e.Now().Before(s.Expiration)
	e.mu.Unlock()
	if !good {
		refuse()
		return true
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"SigninToken": "signin-" + given.ID})
	return true
}
