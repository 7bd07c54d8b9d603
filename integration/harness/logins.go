package harness

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// WritePrivate writes a private file, and makes the private directory that it is in.
func WritePrivate(t testing.TB, file string, data []byte) {
	t.Helper()
	Must(t, os.MkdirAll(filepath.Dir(file), 0o700))
	Must(t, os.WriteFile(file, data, 0o600))
}

var expiresAt = regexp.MustCompile(`("expiresAt":\s*)"[^"]*"`)

// EndsIn lets what a login's file of AWS's tools holds end so far ahead, as far as the file says.
func EndsIn(t testing.TB, file string, left time.Duration) {
	t.Helper()
	b, err := os.ReadFile(file)
	Must(t, err)
	WritePrivate(t, file, expiresAt.ReplaceAll(b, []byte(`$1"`+time.Now().Add(left).UTC().Format(time.RFC3339)+`"`)))
}
