package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/remaining"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/token"
)

const statusHelp = `Show the state of every profile: one line each, those that need you first. A session that
several profiles use has one line. With a PROFILE, or --long, say everything: whose the
credentials are, until when, when they are refreshed, what went wrong the last time, and
who is at work on them now. Secrets are never shown, and nothing is asked of AWS.

    sts-helper status
    sts-helper status dev
    sts-helper status --output json
    sts-helper status --watch
    PS1='$(sts-helper status --short dev) \$ '

The fields of the JSON document are in docs/status.md.`

// statusView is how status shows what there is.
type statusView struct{ json, long, short, watch bool }

func (p *program) statusCommand() *cobra.Command {
	var v statusView
	var output string
	cmd := &cobra.Command{
		Use:               "status [PROFILE...] [flags]",
		Short:             "Show the state of every profile",
		Long:              statusHelp,
		ValidArgsFunction: p.completeNames,
	}
	addOutput(cmd, &output)
	cmd.Flags().BoolVar(&v.json, "json", false, "the same as --output json")
	cmd.Flags().BoolVar(&v.long, "long", false, "say everything of each record")
	cmd.Flags().BoolVar(&v.short, "short", false, "one profile and how long it lasts, for a shell prompt")
	cmd.Flags().BoolVar(&v.watch, "watch", false, "show it until you press Ctrl-C")
	cmd.MarkFlagsMutuallyExclusive("json", "long", "short")
	cmd.MarkFlagsMutuallyExclusive("short", "watch")
	flags := addSettings(cmd.Flags(), "no-cache", "mfa-code", "mfa-process", "prompt", "wait")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkOutput(output); err != nil {
			return err
		}
		v.json = v.json || output == "json"
		if v.short {
			return p.statusShort(args, flags)
		}
		show := func() (string, error) { return p.status(args, flags, v) }
		if v.watch {
			return p.watch(cmd.Context(), show)
		}
		text, err := show()
		if err == nil {
			_, err = p.stdout.WriteString(text)
		}
		return err
	}
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

func (p *program) status(names []string, flags settings.Flags, v statusView) (string, error) {
	names, err := p.named(names, false, flags)
	if err == nil {
		err = settings.CheckVariables(p.env)
	}
	if err != nil {
		return "", err
	}
	single := len(names) > 0 || asks(flags)
	caches, known, bad, err := p.caches(flagsFor(single, flags))
	if err != nil {
		return "", err
	}
	wanted := known
	if single {
		if wanted, err = p.targets(names, flags, broker.Options{NonInteractive: true}); err != nil {
			return "", err
		}
	}
	records := []*statusRecord{}
	seen := map[string]bool{}
	add := func(c *cache.Cache, key string) {
		if at := c.Path() + "\n" + key; !seen[at] {
			seen[at] = true
			if r := look(c, key); single || r.there() {
				r.Profiles = namesFor(c, key, slices.Concat(asked(wanted, single), known))
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
				return "", noCache(err)
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
	problems = append(problems, p.passedOver(names)...)
	if single {
		bad = nil // the others are not asked about
	}
	lines, err := statusLines(wanted, bad, unlessSingle(single, caches))
	if err != nil {
		return "", err
	}
	machine, there, err := settings.FleetFile(p.env)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if v.json {
		doc := map[string]any{"version": 1, "profiles": lines, "records": records, "problems": problems}
		if there {
			doc["machine_settings"] = machine
		}
		err := writeJSON(&b, doc)
		return b.String(), err
	}
	if there && len(flags["verbose"]) > 0 {
		fmt.Fprintf(&b, "this machine's settings: %s\n", display.Safe(machine))
	}
	for _, problem := range problems {
		fmt.Fprintf(&b, "warning: %s\n", problem)
	}
	switch {
	case !single && !v.long && len(lines) > 0:
		width, colour := p.screen()
		b.WriteString(table(lines, width, colour))
	case !single && !v.long:
		b.WriteString("nothing is in the cache, and " + noProfile + "\n")
	case len(records) == 0:
		b.WriteString("nothing is in the cache\n")
	}
	for i, r := range records {
		if !single && !v.long {
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		r.text(&b)
	}
	return b.String(), nil
}

// unlessSingle are the caches that are looked through for what no profile leads to.
func unlessSingle(single bool, caches []*cache.Cache) []*cache.Cache {
	if single {
		return nil
	}
	return caches
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
			name = sourceOf + name
		case base:
			name = sessionOf + name
		}
		if (own || base) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// failureShown is how long a failure is shown that keeps no call from trying again.
const failureShown = time.Hour

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

// What names of [statusRecord.Profiles] begin with that are of what a profile is made from.
const (
	sourceOf  = "the source of "
	sessionOf = "the session of "
)

// asked are the profiles that were named, which are named first.
func asked(wanted []*target, single bool) []*target {
	if !single {
		return nil
	}
	return wanted
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
