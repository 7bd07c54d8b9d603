package main

import (
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
)

// loginResults is what login --output json prints; docs/login.md has the fields.
type loginResults struct {
	Version int           `json:"version"`
	Logins  []loginResult `json:"logins"`
}

// loginResult is how one login went. Times are RFC 3339, UTC.
type loginResult struct {
	Profile     string     `json:"profile"`
	Result      string     `json:"result"` // renewed, kept or failed
	Expires     *time.Time `json:"expires,omitempty"`
	NoCodeUntil *time.Time `json:"no_code_until,omitempty"` // where the credentials are made with an MFA session
	Class       string     `json:"class,omitempty"`         // of the error, as in the records of status
	Error       string     `json:"error,omitempty"`
}

func utc(t time.Time) *time.Time {
	t = t.UTC()
	return &t
}

// String is the result as a line has it.
func (r loginResult) String() string {
	line := r.Result + ", good until " + moment(*r.Expires)
	if r.NoCodeUntil != nil {
		line += "; no code is needed until " + moment(*r.NoCodeUntil)
	}
	return line
}

// failed notes a login that failed; r may be nil.
func (r *loginResults) failed(t *target, err error) {
	if r != nil {
		r.Logins = append(r.Logins, loginResult{Profile: t.name, Result: "failed", Class: string(failure.ClassOf(err)), Error: display.Safe(err.Error())})
	}
}
