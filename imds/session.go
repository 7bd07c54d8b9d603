package imds

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strconv"
	"sync"
	"time"
)

// Limits of a session token's life in seconds, as IMDSv2 has them.
const (
	minTTL = 1
	maxTTL = 21600
)

// A session token is base64url(version, expiry, nonce, mac), without padding: 42 bytes make 56 characters, as
// EC2's own have, and leave no unused bits, so a token has exactly one spelling. More than 64 characters would
// shut out every client of the AWS CRT, which keeps a token in 64 bytes (aws-c-auth, source/aws_imds_client.c).
const (
	tokenVersion = 2
	versionLen   = 1
	expiryLen    = 6  // Unix milliseconds, big endian: enough until the year 10889
	nonceLen     = 11 // random
	macLen       = 24 // of HMAC-SHA256's 32 bytes
	signedLen    = versionLen + expiryLen + nonceLen
	tokenLen     = signedLen + macLen
	tokenText    = tokenLen / 3 * 4
)

var tokenEncoding = base64.RawURLEncoding.Strict()

// sessions makes and checks IMDSv2 session tokens. It keeps none of them: a token proves itself, so
// any number may be out, no caller can push others' tokens out of a table, and a restart with the same
// key changes nothing.
type sessions struct {
	macs sync.Pool // of *sessionMAC
	// context goes into every mac: the version of the form and the identity that the token is for,
	// for life.
	context []byte
}

func newSessions(key []byte, identity string) *sessions {
	key = append([]byte(nil), key...)
	s := &sessions{context: append([]byte("sts-helper imds session token, form 2\x00"), identity...)}
	s.macs.New = func() any { return &sessionMAC{hash: hmac.New(sha256.New, key)} }
	return s
}

// sessionMAC is a hash under the key, with room for all that is hashed, so that a check allocates nothing.
type sessionMAC struct {
	hash  hash.Hash
	token [tokenLen]byte
	user  [1 + 4]byte // no user is unlike user 0
	sum   [sha256.Size]byte
}

// of is the truncated code over what is signed of the token, the user, and the context.
func (m *sessionMAC) of(p *peer, context []byte) []byte {
	m.user = [len(m.user)]byte{}
	if p.hasUID {
		m.user[0] = 1
		binary.BigEndian.PutUint32(m.user[1:], p.uid)
	}
	m.hash.Reset()
	m.hash.Write(m.token[:signedLen])
	m.hash.Write(m.user[:])
	m.hash.Write(context) // last, because it is the only part without a fixed length
	return m.hash.Sum(m.sum[:0])[:macLen]
}

// issue makes a token that lives ttl from now and is good for p's user only.
func (s *sessions) issue(p *peer, now time.Time, ttl time.Duration) string {
	m := s.macs.Get().(*sessionMAC)
	defer s.macs.Put(m)
	var end [8]byte
	binary.BigEndian.PutUint64(end[:], uint64(now.Add(ttl).UnixMilli()))
	m.token[0] = tokenVersion
	copy(m.token[versionLen:], end[len(end)-expiryLen:])
	_, _ = rand.Read(m.token[versionLen+expiryLen : signedLen]) // never fails, or ends the program
	copy(m.token[signedLen:], m.of(p, s.context))
	return tokenEncoding.EncodeToString(m.token[:])
}

// check reports whether token is one of ours, for p's user, and alive.
func (s *sessions) check(token string, p *peer, now time.Time) bool {
	if len(token) != tokenText {
		return false
	}
	m := s.macs.Get().(*sessionMAC)
	defer s.macs.Put(m)
	var text [tokenText]byte
	copy(text[:], token)
	// Decode passes over line ends, so the length must be looked at too.
	if n, err := tokenEncoding.Decode(m.token[:], text[:]); err != nil || n != tokenLen {
		return false
	}
	if m.token[0] != tokenVersion || subtle.ConstantTimeCompare(m.of(p, s.context), m.token[signedLen:]) != 1 {
		return false
	}
	var end [8]byte
	copy(end[len(end)-expiryLen:], m.token[versionLen:])
	// Milliseconds of the wall clock: a machine that slept must not think a token young.
	left := time.Duration(int64(binary.BigEndian.Uint64(end[:]))-now.UnixMilli()) * time.Millisecond
	// More than the longest life is left only if the clock was set back.
	return left > 0 && left <= maxTTL*time.Second
}

// parseTTL reads the seconds of a token's life: digits only, 1 to 21600.
func parseTTL(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return time.Duration(n) * time.Second, err == nil && len(s) <= 5 && n >= minTTL && n <= maxTTL
}
