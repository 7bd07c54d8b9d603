package nodeagent

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// leeway is how long after its end the API server takes a token (go-jose's jwt.DefaultLeeway).
const leeway = time.Minute

// claims are what a token says itself. They are not verified: what is plain from them is not sent to the API server, and
// nothing is given because of them.
type claims struct {
	Audience audiences   `json:"aud"`
	Expiry   json.Number `json:"exp"`
}

// audiences are one or several (RFC 7519, 4.1.3).
type audiences []string

// UnmarshalJSON reads both forms.
func (a *audiences) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audiences{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// readClaims reads the claims of a JWT in its compact form.
func readClaims(token string) (c claims, ends time.Time, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] == "" || parts[2] == "" {
		return c, ends, false
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(b, &c) != nil {
		return c, ends, false
	}
	seconds, err := c.Expiry.Float64()
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return c, ends, false
	}
	return c, time.Unix(int64(seconds), 0), true
}
