package token

import (
	"fmt"
	"strings"
)

// AccountFromARN is the account id in an ARN (arn:partition:service:region:account:resource),
// or "" where there is none.
func AccountFromARN(arn string) string {
	f := strings.SplitN(arn, ":", 6)
	if len(f) < 6 || f[0] != "arn" || !ValidAccountID(f[4]) {
		return ""
	}
	return f[4]
}

// ValidAccountID reports whether s is twelve digits.
func ValidAccountID(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// AccountFromAccessKeyID reads the account id that access key ids of the present form carry
// (AKIA or ASIA, then sixteen base-32 characters: one bit that is set, then 40 bits of account
// id; see https://labs.withsecure.com/publications/a-bitwise-analysis-of-aws-access-key-identifiers).
// It gives "" for every other id, those of the older form among them.
func AccountFromAccessKeyID(id string) string {
	if len(id) != 20 || (id[:4] != "AKIA" && id[:4] != "ASIA") {
		return ""
	}
	var n uint64 // the first nine of them: 45 bits
	for i := 4; i < len(id); i++ {
		digit := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", id[i]) // RFC 4648
		if digit < 0 {
			return ""
		}
		if i < 13 {
			n = n<<5 | uint64(digit)
		}
	}
	// The first bit says which form it is; without it there is no account to read.
	if n>>44 == 0 {
		return ""
	}
	n = n >> 4 & (1<<40 - 1)
	if n > 999999999999 {
		return ""
	}
	return fmt.Sprintf("%012d", n)
}
