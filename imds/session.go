package imds

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"sync"
	"time"
)

// Limits of a session token's life in seconds, as IMDSv2 has them.
const (
	minTTL = 1
	maxTTL = 21600
)

// A session token is base64url(expiry, nonce, mac), without padding: 54 bytes make 72 characters and
// leave no unused bits, so a token has exactly one spelling.
const (
	expiryLen = 8  // Unix milliseconds, big endian
	nonceLen  = 14 // random
	macLen    = sha256.Size
	tokenLen  = expiryLen + nonceLen + macLen
	tokenText = tokenLen / 3 * 4
)

// sessions makes and checks IMDSv2 session tokens. It keeps none of them: a token proves itself, so
// any number may be out, nobody can push others' tokens out of a table, and a restart with the same
// key changes nothing.
type sessions struct {
	macs sync.Pool // of hash.Hash under the key
	// context goes into every mac: the version of the form and the identity that the token is for,
	// for life.
	context []byte
}

func newSessions(key []byte, identity string) *sessions {
	key = append([]byte(nil), key...)
	s := &sessions{context: append([]byte("sts-helper imds session token, form 1\x00"), identity...)}
	s.macs.New = func() any { return hmac.New(sha256.New, key) }
	return s
}

// issue makes a token that lives ttl from now and is good for p's user only.
func (s *sessions) issue(p *peer, now time.Time, ttl time.Duration) string {
	var t [tokenLen]byte
	binary.BigEndian.PutUint64(t[:], uint64(now.Add(ttl).UnixMilli()))
	_, _ = rand.Read(t[expiryLen : expiryLen+nonceLen]) // never fails, or ends the program
	s.mac(t[:], p, t[expiryLen+nonceLen:expiryLen+nonceLen])
	return base64.RawURLEncoding.EncodeToString(t[:])
}

// check gives the time that is left to token, and whether it is one of ours, for p's user, and alive.
func (s *sessions) check(token string, p *peer, now time.Time) (time.Duration, bool) {
	if len(token) != tokenText {
		return 0, false
	}
	var text [tokenText]byte
	var t [tokenLen]byte
	copy(text[:], token)
	// Decode passes over line ends, so the length must be looked at too.
	if n, err := base64.RawURLEncoding.Strict().Decode(t[:], text[:]); err != nil || n != tokenLen {
		return 0, false
	}
	var want [macLen]byte
	s.mac(t[:], p, want[:0])
	if subtle.ConstantTimeCompare(want[:], t[expiryLen+nonceLen:]) != 1 {
		return 0, false
	}
	// Milliseconds of the wall clock: a machine that slept must not think a token young.
	left := time.Duration(int64(binary.BigEndian.Uint64(t[:]))-now.UnixMilli()) * time.Millisecond
	// More than the longest life is left only if the clock was set back.
	return left, left > 0 && left <= maxTTL*time.Second
}

// mac appends to out the code over the context, the user, and t's expiry and nonce.
func (s *sessions) mac(t []byte, p *peer, out []byte) {
	h := s.macs.Get().(hash.Hash)
	defer s.macs.Put(h)
	h.Reset()
	var u [5]byte // no user is unlike user 0
	if p.hasUID {
		u[0] = 1
		binary.BigEndian.PutUint32(u[1:], p.uid)
	}
	h.Write(t[:expiryLen+nonceLen])
	h.Write(u[:])
	h.Write(s.context) // last, because it is the only part without a fixed length
	h.Sum(out)
}

// parseTTL reads the seconds of a token's life: digits only, 1 to 21600.
func parseTTL(s string) (time.Duration, bool) {
	if s == "" || len(s) > 5 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return time.Duration(n) * time.Second, n >= minTTL && n <= maxTTL
}
