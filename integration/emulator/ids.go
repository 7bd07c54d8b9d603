package emulator

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
)

// canary is in every secret and session token made here.
const canary = "CANARY"

// newKeyID makes an access key id in the form AWS has used since 2019: after the
// four-letter prefix 80 bits in base32, of which the first is set and the next 40
// are the account id.
func newKeyID(prefix, account string) string {
	n, err := strconv.ParseUint(account, 10, 40)
	if err != nil {
		panic("emulator: account id " + account) // checked by everybody who calls
	}
	var b [12]byte
	rand.Read(b[:]) // never fails
	head := uint64(1)<<47 | n<<7 | uint64(b[10]&0x7f)
	var h [8]byte
	binary.BigEndian.PutUint64(h[:], head)
	copy(b[:6], h[2:])
	return prefix + base32.StdEncoding.EncodeToString(b[:10])
}

// accountOfKey reads the account id back out of an access key id.
func accountOfKey(id string) (string, bool) {
	if len(id) != 20 {
		return "", false
	}
	b, err := base32.StdEncoding.DecodeString(id[4:])
	if err != nil || b[0]&0x80 == 0 {
		return "", false
	}
	n := binary.BigEndian.Uint64(b[:8]) >> 16 & (1<<47 - 1) >> 7
	if n > 999999999999 {
		return "", false
	}
	return fmt.Sprintf("%012d", n), true
}

// newSecret makes a secret access key of 40 characters, AWS's alphabet.
func newSecret() string { return canary + random64(40-len(canary)) }

// newToken makes a session token: as long as the real ones, and as opaque.
func newToken() string { return "IQoJb3JpZ2luX2Vj" + canary + random64(700) + "==" }

func random64(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)[:n]
}

// uniqueID makes an IAM unique id such as AROA…, 21 characters.
func uniqueID(prefix string) string {
	var b [11]byte
	rand.Read(b[:])
	return prefix + base32.StdEncoding.EncodeToString(b[:])[:17]
}

func newRequestID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
