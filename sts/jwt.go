package sts

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/token"
)

// verifyJWT checks that a web identity token is one, is for those who were named, and ends when the
// answer says. Its signature is for whom it is presented to; AWS's certificate vouches for it here.
func verifyJWT(r Request, where callContext, t *token.Token) error {
	parts := strings.Split(t.Credentials.SessionToken, ".")
	var claims struct {
		Audience any    `json:"aud"`
		Subject  string `json:"sub"`
		Issuer   string `json:"iss"`
		Expires  int64  `json:"exp"`
	}
	if len(parts) != 3 {
		return errors.New("the web identity token in the answer is not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return errors.New("the web identity token in the answer is not a JWT")
	}
	var audience []string
	switch a := claims.Audience.(type) {
	case string:
		audience = []string{a}
	case []any:
		for _, one := range a {
			s, _ := one.(string)
			audience = append(audience, s)
		}
	}
	slices.Sort(audience)
	if want := slices.Sorted(slices.Values(r.Audience)); !slices.Equal(slices.Compact(audience), slices.Compact(want)) {
		return identityMismatch("it is for another audience than was asked for")
	}
	if end := time.Unix(claims.Expires, 0); end.Sub(t.Credentials.Expires).Abs() > time.Minute {
		return errors.New("the web identity token ends at another time than the answer says")
	}
	t.Subject, t.Provider, t.Audience = claims.Subject, claims.Issuer, strings.Join(r.Audience, " ")
	t.Credentials.AccountID = where.sourceAccount
	return nil
}
