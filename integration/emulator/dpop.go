package emulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"time"
)

// proof is a DPoP proof (RFC 9449): the thumbprint of the key that signed it, and the
// proof's own id.
type proof struct {
	thumbprint string
	jti        string
}

// readProof checks everything about a DPoP proof but whether it was seen before.
func readProof(c *call, url string) (proof, error) {
	var p proof
	values := c.http.Header.Values("DPoP")
	if len(values) != 1 {
		return p, errors.New("one DPoP header is required")
	}
	parts := strings.Split(values[0], ".")
	if len(parts) != 3 {
		return p, errors.New("the DPoP proof is not a JWT")
	}
	var raw [3][]byte
	for i, s := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(s)
		if err != nil {
			return p, errors.New("the DPoP proof is not base64url")
		}
		raw[i] = b
	}
	var head struct {
		Typ, Alg string
		JWK      map[string]string
	}
	var body struct {
		JTI, HTM, HTU string
		IAT           *int64
	}
	if json.Unmarshal(raw[0], &head) != nil || json.Unmarshal(raw[1], &body) != nil {
		return p, errors.New("the DPoP proof is not JSON")
	}
	key, thumbprint, err := readJWK(head.JWK)
	switch {
	case head.Typ != "dpop+jwt" || head.Alg != "ES256":
		return p, errors.New("typ must be dpop+jwt and alg ES256")
	case err != nil:
		return p, err
	case !verifyRaw(key, parts[0]+"."+parts[1], raw[2]):
		return p, errors.New("the signature of the DPoP proof is wrong")
	case body.JTI == "" || body.HTM != c.http.Method:
		return p, errors.New("jti is required, and htm must be the method")
	case body.HTU != url:
		return p, errors.New("htu must be " + url)
	case body.IAT == nil || time.Unix(*body.IAT, 0).Sub(c.now).Abs() > maxSkew:
		return p, errors.New("iat must be now")
	}
	return proof{thumbprint, body.JTI}, nil
}

// readJWK reads a P-256 public key, whose coordinates have 32 bytes each (RFC 7518,
// section 6.2.1.2), and its thumbprint (RFC 7638).
func readJWK(jwk map[string]string) (*ecdsa.PublicKey, string, error) {
	x, errX := base64.RawURLEncoding.Strict().DecodeString(jwk["x"])
	y, errY := base64.RawURLEncoding.Strict().DecodeString(jwk["y"])
	switch {
	case jwk["d"] != "":
		return nil, "", errors.New("jwk holds a private key")
	case jwk["kty"] != "EC" || jwk["crv"] != "P-256":
		return nil, "", errors.New("jwk must be EC on P-256")
	case errX != nil || errY != nil || len(x) != 32 || len(y) != 32:
		return nil, "", errors.New("the coordinates of jwk must have 32 bytes each")
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil {
		return nil, "", errors.New("jwk is no point of the curve")
	}
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + jwk["x"] + `","y":"` + jwk["y"] + `"}`))
	return key, base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// verifyRaw checks a JWS signature: r and s of 32 bytes each (RFC 7518, section 3.4).
func verifyRaw(key *ecdsa.PublicKey, text string, sig []byte) bool {
	if len(sig) != 64 {
		return false
	}
	sum := sha256.Sum256([]byte(text))
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
}
