package awsconfig

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// SSOTokenFile is the name that AWS's tools give the token file of a session of IAM Identity
// Center, in ~/.aws/sso/cache. The key is the name of the sso-session section, or the start URL
// of a profile that has none (botocore utils.py, SSOTokenLoader).
func SSOTokenFile(key string) string {
	sum := sha1.Sum([]byte(key)) // a name, not a secret
	return hex.EncodeToString(sum[:]) + ".json"
}

// LoginFile is the name that AWS's tools give the file of a login_session, an ARN, in
// AWS_LOGIN_CACHE_DIRECTORY or ~/.aws/login/cache (botocore credentials.py, LoginProvider).
func LoginFile(loginSession string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(loginSession)))
	return hex.EncodeToString(sum[:]) + ".json"
}
