package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/token"
)

const statusHelp = `Show what is in the cache: whose credentials, until when, when they are refreshed, what
went wrong the last time, and who is at work on them now. Secrets are never shown.

Without a PROFILE everything is shown, with the names of the profiles that lead to it.

    sts-helper status
    sts-helper status dev`

func (p *program) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "status [PROFILE...] [flags]",
		Short:             "Show what is in the cache",
		Long:              statusHelp,
		ValidArgsFunction: p.completeNames,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON document instead")
	flags := addSettings(cmd.Flags(), "no-cache", "mfa-code", "mfa-process", "prompt", "wait")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return p.status(args, flags, asJSON) }
	return cmd
}

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

func (p *program) status(names []string, flags settings.Flags, asJSON bool) error {
	names, err := p.named(names, false, flags)
	if err != nil {
		return err
	}
	single := len(names) > 0 || asks(flags)
	caches, known, err := p.caches(flagsFor(single, flags))
	if err != nil {
		return err
	}
	wanted := known
	if single {
		if wanted, err = p.targets(names, flags, broker.Options{NonInteractive: true}); err != nil {
			return err
		}
	}
	records := []*statusRecord{}
	seen := map[string]bool{}
	add := func(c *cache.Cache, key string) {
		if at := c.Path() + "\n" + key; !seen[at] {
			seen[at] = true
			if r := look(c, key); single || r.there() {
				r.Profiles = namesFor(c, key, append(slices.Clone(known), wanted...))
				records = append(records, r)
			}
		}
	}
	for _, t := range wanted {
		if c, err := t.Cache(); err == nil && c != nil {
			for b := t.Provider; b != nil; b = b.Base() {
				add(c, b.Key().String())
			}
		}
	}
	if !single {
		for _, c := range caches {
			keys, err := c.Names()
			if err != nil {
				return noCache(err)
			}
			for _, key := range keys {
				add(c, key)
			}
		}
	}
	problems := []string{}
	for _, c := range caches {
		if problem := broker.CacheProblem(c); problem != "" {
			problems = append(problems, problem)
		}
	}
	if asJSON {
		enc := json.NewEncoder(p.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"version": 1, "records": records, "problems": problems})
	}
	for _, problem := range problems {
		if err := p.say("warning: %s", problem); err != nil {
			return err
		}
	}
	if len(records) == 0 {
		return p.say("nothing is in the cache")
	}
	var b strings.Builder
	for i, r := range records {
		if i > 0 {
			b.WriteByte('\n')
		}
		r.text(&b)
	}
	_, err = p.stdout.WriteString(b.String())
	return err
}

// asks reports whether flags name credentials, rather than only say where to look.
func asks(flags settings.Flags) bool {
	for name := range flags {
		if name != "cache-dir" && name != "verbose" {
			return true
		}
	}
	return false
}

// flagsFor are the flags that hold for every profile: those that name one hold for that one.
func flagsFor(single bool, flags settings.Flags) settings.Flags {
	if !single {
		return flags
	}
	rest := settings.Flags{}
	if v, ok := flags["cache-dir"]; ok {
		rest["cache-dir"] = v
	}
	return rest
}

// namesFor are the names of the profiles whose credentials the record holds, and of those
// that are made from it.
func namesFor(c *cache.Cache, key string, all []*target) []string {
	names := []string{}
	for _, t := range all {
		name := t.name
		own, base := t.MadeFrom(c.Path(), key)
		switch {
		case base && t.HandsOut(key):
		case base && t.Root(key):
			name = "the source of " + name
		case base:
			name = "the session of " + name
		}
		if (own || base) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
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
		if id := t.Principal(); id != nil {
			s.Identity = display.Safe(id.ARN)
		} else {
			s.Identity = display.Safe(broker.SourceIdentity(c, key, r))
		}
		if by := t.Signer; by != nil {
			s.SignedBy = display.Safe(cmp.Or(by.ARN, by.ID))
		}
		s.SourceKey = display.Safe(request.SourceAccessKeyID(r.Inputs))
		s.SerialNumber = display.Safe(request.MFASerial(r.Inputs))
		expires := t.Credentials.Expires.UTC()
		s.left = r.Remaining()
		s.Expires, s.SecondsLeft = &expires, int64(s.left/time.Second)
		refresh := broker.RefreshAt(r).UTC()
		s.Refresh, s.note = &refresh, display.Safe(r.Note)
	}
	if f := e.State.Failure; f != nil {
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

func (r *statusRecord) text(b *strings.Builder) {
	name := strings.Join(r.Profiles, ", ")
	if name == "" {
		name = "(no profile known)"
	}
	line := func(format string, args ...any) { fmt.Fprintf(b, "  "+format+"\n", args...) }
	fmt.Fprintf(b, "%s\n", name)
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
			held = "next attempt in " + display.Remaining(time.Duration(r.Failure.Held*float64(time.Second)))
		}
		line("last refresh failed %s ago: %s; %s", display.Remaining(max(time.Since(r.Failure.Since), 0)), r.Failure.Message, held)
	}
	if r.LockedBy != nil {
		line("held by %s, since %s", r.LockedBy.said, r.LockedBy.Since.Local().Format("15:04:05 MST"))
	}
}

func (r *statusRecord) token(line func(string, ...any)) {
	who := r.Identity
	if who == "" {
		who = "account " + r.AccountID
		if r.SourceKey != "" {
			who += ", the user of key " + r.SourceKey
		}
	}
	line("%s: %s", r.Operation, who)
	if r.left <= 0 {
		line("key %s, %s", r.AccessKeyID, display.Remaining(r.left))
	} else {
		line("key %s, good until %s", r.AccessKeyID, moment(*r.Expires))
	}
	if r.SignedBy != "" {
		line("signed by %s", r.SignedBy)
	}
	if r.note != "" {
		line("accepted from %s", r.note)
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
