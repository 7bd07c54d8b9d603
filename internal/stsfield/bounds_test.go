package stsfield_test

import (
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// The durations of the API reference, which the default lies within.
func TestDurations(t *testing.T) {
	for op, want := range map[token.Operation][2]time.Duration{
		token.GetSessionToken:           {15 * time.Minute, 36 * time.Hour},
		token.GetFederationToken:        {15 * time.Minute, 36 * time.Hour},
		token.AssumeRole:                {15 * time.Minute, 12 * time.Hour},
		token.AssumeRoleWithWebIdentity: {15 * time.Minute, 12 * time.Hour},
		token.AssumeRoleWithSAML:        {15 * time.Minute, 12 * time.Hour},
		token.AssumeRoot:                {0, 15 * time.Minute},
	} {
		least, longest := stsfield.Durations(op)
		if d := stsfield.DefaultDuration(op); least != want[0] || longest != want[1] || d < least || d > longest {
			t.Errorf("%s: %v to %v, %v by default", op, least, longest, d)
		}
	}
}

func TestAllName(t *testing.T) {
	for s, want := range map[string]bool{"": false, "a": true, "build_1+=,.@-": true, "a b": false, "a/b": false, "é": false, "a\xff": false} {
		if got := stsfield.AllName(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}
