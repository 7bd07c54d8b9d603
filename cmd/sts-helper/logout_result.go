package main

import (
	"cmp"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
)

// logoutReport says what a logout does: a line each as it goes on, or with --output json one document at its
// end. docs/login.md has the fields.
type logoutReport struct {
	p      *program
	asJSON bool

	Version  int            `json:"version"`
	Logins   []logoutLogin  `json:"logins"`
	Records  []logoutRecord `json:"records"`
	Renewing []logoutHolder `json:"renewing"`
}

// logoutLogin is a login that was ended.
type logoutLogin struct {
	Profile string `json:"profile"`
	Kind    string `json:"kind"` // "IAM Identity Center", say
}

// logoutRecord is a record of the cache. Times are RFC 3339, UTC.
type logoutRecord struct {
	Profile     string     `json:"profile,omitempty"` // that was named; absent with --all
	Of          string     `json:"of,omitempty"`      // profile, session or source: the profile's own, or what it is made from
	Result      string     `json:"result"`            // see recordRemoved
	UsedBy      []string   `json:"used_by,omitempty"` // why it was kept: the other profiles that are made from it
	Key         string     `json:"key"`
	Operation   string     `json:"operation,omitempty"`
	Identity    string     `json:"identity,omitempty"`
	AccessKeyID string     `json:"access_key_id,omitempty"`
	Expires     *time.Time `json:"expires,omitempty"`
	Unusable    string     `json:"unusable,omitempty"` // why it could not be used
}

// logoutHolder is a process that is renewing what was removed.
type logoutHolder struct {
	PID int    `json:"pid"`
	TTY string `json:"tty,omitempty"`
}

func (p *program) newLogoutReport(output outputForm) *logoutReport {
	return &logoutReport{p: p, asJSON: output == outputJSON, Version: 1, Logins: []logoutLogin{}, Records: []logoutRecord{}, Renewing: []logoutHolder{}}
}

// say prints a line of the text form.
func (r *logoutReport) say(format string, args ...any) error {
	if r.asJSON {
		return nil
	}
	return r.p.say(format, args...)
}

// login notes a login of t that was ended.
func (r *logoutReport) login(t *target, kind string) error {
	r.Logins = append(r.Logins, logoutLogin{t.name, kind})
	return r.say("logged out of %s: %s", t.name, kind)
}

// The results of a record.
const (
	recordRemoved = "removed"
	recordKept    = "kept"
)

// record notes what became of a record of t, or of what t is made from; with --all there is no t.
func (r *logoutReport) record(t *target, of *broker.Provider, e cache.Entry, result string, usedBy []string) {
	n := logoutRecord{Result: result, UsedBy: usedBy, Key: e.Name}
	if t != nil {
		n.Profile, n.Of = t.name, recordOf(t, of)
	}
	if e.Record != nil {
		c := e.Record.Token
		n.Operation, n.AccessKeyID = string(c.Operation), display.Safe(c.Credentials.AccessKeyID)
		n.Expires = utc(e.Record.End())
		if id := c.Principal(); id != nil {
			n.Identity = display.Safe(id.ARN)
		}
	} else if !e.Miss.Absent() {
		n.Unusable = display.Safe(e.Miss.Reason)
	}
	r.Records = append(r.Records, n)
}

// end prints the document, where one is wanted, and gives the first error.
func (r *logoutReport) end(err error) error {
	if !r.asJSON {
		return err
	}
	return cmp.Or(err, r.p.printJSON(r))
}
