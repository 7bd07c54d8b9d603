package awslogin

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// makeProof is a DPoP proof (RFC 9449) for one POST to a URL. The key's coordinates and the
// signature's halves have 32 bytes each, however many of them are zero (RFC 7518, sections
// 6.2.1.2 and 3.4).
func makeProof(key *ecdsa.PrivateKey, url string, now time.Time) (string, error) {
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return "", fmt.Errorf("the login's key: %w", err)
	}
	text := segment(struct {
		Typ string            `json:"typ"`
		Alg string            `json:"alg"`
		JWK map[string]string `json:"jwk"`
	}{"dpop+jwt", "ES256", map[string]string{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}}) + "." +
		segment(struct {
			JTI string `json:"jti"`
			HTM string `json:"htm"`
			HTU string `json:"htu"`
			IAT int64  `json:"iat"`
		}{rand.Text(), "POST", url, now.Unix()})
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", fmt.Errorf("the login's key: %w", err)
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + b64(sig[:]), nil
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func segment(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("awslogin: " + err.Error()) // strings and a number
	}
	return b64(b)
}
