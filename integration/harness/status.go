package harness

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// Status is what "sts-helper status --json" prints.
type Status struct {
	Version int
	Records []struct {
		Profiles                           []string
		Key, Operation, Identity, Unusable string
		AccessKeyID                        string `json:"access_key_id"`
		SerialNumber                       string `json:"serial_number"`
		SecondsLeft                        int    `json:"seconds_left"`
		Failure                            *struct{ Class, Message string }
		LockedBy                           *struct {
			PID    int
			TTY    string
			Asking bool
		} `json:"locked_by"`
	}
}

// Status runs "sts-helper status --json" and reads what it prints.
func (w *World) Status(t *testing.T, args ...string) Status {
	t.Helper()
	r := w.Run(t, append([]string{"status", "--json"}, args...)...)
	var s Status
	dec := json.NewDecoder(strings.NewReader(r.Stdout))
	if err := dec.Decode(&s); err != nil || r.Code != 0 || s.Version != 1 {
		t.Fatalf("exit %d, %v: %q %q", r.Code, err, r.Stdout, r.Stderr)
	}
	if _, err := dec.Token(); err != io.EOF {
		t.Error("more than one document")
	}
	if strings.Contains(r.Stdout, Canary) {
		t.Error("a secret")
	}
	return s
}
