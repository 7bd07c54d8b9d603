package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/remaining"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/token"
)

// statusRecord is one record as status shows it. Times are RFC 3339, UTC.
type statusRecord struct {
	Profiles  []string `json:"profiles"` // names that lead to it
	Key       string   `json:"key"`
	Operation string   `json:"operation,omitempty"`
	// Identity is the ARN STS named; a session of a user has none, and is known by SourceKey.
	Identity    string `json:"identity,omitempty"`
	AccountID   string `json:"account_id,omitempty"`
	AccessKeyID string `json:"access_key_id,omitempty"`
	SourceKey   string `json:"source_access_key_id,omitempty"`
	// SignedBy is the ARN of who the source was that these were made with, or its key id.
	SignedBy         string         `json:"signed_by,omitempty"`
	SerialNumber     string         `json:"serial_number,omitempty"` // of the MFA device that refreshing takes
	Expires          *time.Time     `json:"expires,omitempty"`
	SecondsLeft      int64          `json:"seconds_left,omitempty"`
	Refresh          *time.Time     `json:"refresh,omitempty"`            // from then on it is refreshed on use
	PackedPolicySize *int32         `json:"packed_policy_size,omitempty"` // in percent, as the next one
	Utilization      *int32         `json:"session_token_utilization,omitempty"`
	SessionTokenSize *int32         `json:"session_token_size,omitempty"` // in bytes
	ScopedPolicies   *int32         `json:"scoped_policies,omitempty"`    // that narrow it by GetScopedCredentials
	Agent            bool           `json:"agent,omitempty"`              // it was made for a coding agent or a CI system
	Unusable         string         `json:"unusable,omitempty"`           // why the record is not believed
	Failure          *statusFailure `json:"failure,omitempty"`
	LockedBy         *statusHolder  `json:"locked_by,omitempty"`

	left time.Duration
	note string
}

type statusFailure struct {
	Class   string    `json:"class"`
	Message string    `json:"message"`
	Since   time.Time `json:"since"`
	Held    float64   `json:"held_seconds"` // until the next attempt
}

type statusHolder struct {
	PID     int       `json:"pid"`
	TTY     string    `json:"tty,omitempty"`
	Purpose string    `json:"purpose"`
	Asking  bool      `json:"asking"`
	Since   time.Time `json:"since"`

	said string
}

// look reads one record.
func look(c *cache.Cache, key string) *statusRecord {
	e := c.Inspect(key)
	s := &statusRecord{Key: key}
	if e.Record == nil && !e.Miss.Absent() {
		s.Unusable = display.Safe(e.Miss.Reason)
	}
	if r := e.Record; r != nil {
		t := r.Token
		s.Operation, s.AccessKeyID, s.AccountID = string(t.Operation), t.Credentials.AccessKeyID, t.Credentials.AccountID
		s.PackedPolicySize, s.Utilization, s.SessionTokenSize = t.PackedPolicySize, t.SessionTokenUtilization, t.SessionTokenSize
		s.ScopedPolicies = t.ScopedPolicies
		if id := t.Principal(); id != nil {
			s.Identity = display.Safe(id.ARN)
		} else {
			s.Identity = display.Safe(cmp.Or(broker.SourceIdentity(c, key, r), t.Subject))
		}
		if by := t.Signer; by != nil {
			s.SignedBy = display.Safe(cmp.Or(by.ARN, by.ID))
		}
		s.SourceKey = display.Safe(request.SourceAccessKeyID(r.Inputs))
		s.SerialNumber, s.Agent = display.Safe(request.MFASerial(r.Inputs)), request.AskedByAgent(r.Inputs)
		expires := t.Credentials.Expires.UTC()
		s.left = r.Remaining()
		s.Expires, s.SecondsLeft = &expires, int64(s.left/time.Second)
		s.note = display.Safe(r.Note)
		if s.note == "" { // what was accepted cannot be renewed here
			refresh := broker.RefreshAt(r).UTC()
			s.Refresh = &refresh
		}
	}
	if f := e.State.Failure; f != nil && (f.Holds() > 0 || time.Since(f.Since()) < failureShown) {
		s.Failure = &statusFailure{Class: display.Safe(f.Kind), Message: display.Safe(f.Message), Since: f.Since().UTC(), Held: max(f.Holds().Seconds(), 0)}
	}
	if who, held := c.HeldBy(key); held {
		s.LockedBy = &statusHolder{who.PID, display.Safe(who.TTY), display.Safe(who.Purpose), who.Asking, who.Since, display.Safe(who.String())}
	}
	return s
}

// there reports whether there is anything to show.
func (r *statusRecord) there() bool {
	return r.Expires != nil || r.Unusable != "" || r.Failure != nil || r.LockedBy != nil
}

// heading names the record by the profiles that it is of or behind, the first of them where there are many.
func (r *statusRecord) heading() string {
	var parts []string
	for _, of := range []string{"", sourceOf, sessionOf} {
		var names []string
		for _, name := range r.Profiles {
			if rest, ok := strings.CutPrefix(name, of); ok && (of != "" || !strings.HasPrefix(name, sourceOf) && !strings.HasPrefix(name, sessionOf)) {
				names = append(names, rest)
			}
		}
		if len(names) > 0 {
			parts = append(parts, of+several(names))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "(no profile known)")
}

func (r *statusRecord) text(b *strings.Builder) {
	line := func(format string, args ...any) { fmt.Fprintf(b, "  "+format+"\n", args...) }
	fmt.Fprintf(b, "%s\n", r.heading())
	switch {
	case r.Unusable != "":
		line("unusable: %s; it is replaced when it is next asked for (%s)", r.Unusable, r.Key)
	case r.Expires == nil:
		line("nothing in the cache")
	default:
		r.token(line)
	}
	if r.Failure != nil {
		held := "it will be tried again at the next use"
		if r.Failure.Held > 0 {
			held = "next attempt in " + remaining.Text(time.Duration(r.Failure.Held*float64(time.Second)))
		}
		line("last refresh failed %s ago: %s; %s", remaining.Text(max(time.Since(r.Failure.Since), 0)), r.Failure.Message, held)
	}
	if r.LockedBy != nil {
		line("held by %s, since %s", r.LockedBy.said, r.LockedBy.Since.Local().Format("15:04:05 MST"))
	}
}

func (r *statusRecord) token(line func(string, ...any)) {
	who := r.Identity
	if who == "" {
		var parts []string
		if r.AccountID != "" {
			parts = append(parts, "account "+r.AccountID)
		}
		if r.SourceKey != "" {
			parts = append(parts, "the user of key "+r.SourceKey)
		}
		who = cmp.Or(strings.Join(parts, ", "), "an unknown identity")
	}
	line("%s: %s", r.Operation, who)
	what := "key " + r.AccessKeyID
	if r.AccessKeyID == "" {
		what = "a JWT"
	}
	if r.left <= 0 {
		line("%s, %s", what, remaining.Text(r.left))
	} else {
		line("%s, good until %s", what, moment(*r.Expires))
	}
	if r.SignedBy != "" {
		line("signed by %s", r.SignedBy)
	}
	switch n := r.ScopedPolicies; {
	case n == nil || *n == 0:
	case *n == 1:
		line("narrowed by a policy of GetScopedCredentials")
	default:
		line("narrowed by %d policies of GetScopedCredentials, of at most %d", *n, broker.MaxScopedPolicies)
	}
	if r.note != "" {
		line("accepted from %s", r.note)
	}
	if r.Refresh == nil {
		return
	}
	switch refresh := r.Refresh.Local().Format("15:04:05 MST"); {
	case r.SerialNumber != "":
		line("an MFA code of %s is asked for from %s on, or at login", r.SerialNumber, refresh)
	case r.left > 0:
		line("refreshed from %s on", refresh)
	}
	t := token.Token{PackedPolicySize: r.PackedPolicySize, SessionTokenUtilization: r.Utilization}
	if warning := broker.SizeWarning(t); warning != "" {
		line("%s", warning)
	}
}
