package emulator

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Request is one line of the log.
type Request struct {
	Time        time.Time `json:"time"` // by the emulator's clock
	Service     string    `json:"service"`
	Operation   string    `json:"operation"`
	AccessKeyID string    `json:"access_key_id,omitempty"` // as claimed, right or wrong
	Region      string    `json:"region,omitempty"`
	MFA         bool      `json:"mfa,omitempty"` // a code was sent
	// TokenCode is the code itself, so that a test can see one sent twice.
	TokenCode    string `json:"-"`
	SerialNumber string `json:"serial_number,omitempty"`
	RoleARN      string `json:"role_arn,omitempty"`
	// AccountID and RoleName are what GetRoleCredentials was asked for.
	AccountID string `json:"account_id,omitempty"`
	RoleName  string `json:"role_name,omitempty"`
	Duration  string `json:"duration_seconds,omitempty"` // as sent
	UserAgent string `json:"user_agent,omitempty"`
	Issued    string `json:"issued,omitempty"` // access key id given out
	// Status and Code are the emulator's verdict, which a fault may have hidden from
	// the client; 0 where a fault struck first.
	Status int    `json:"status,omitempty"`
	Code   string `json:"code,omitempty"`
	Fault  string `json:"fault,omitempty"`
}

type entry struct{ Request }

// book counts and logs requests.
type book struct {
	mu        sync.Mutex
	entries   []*entry
	count     map[string]int
	succeeded map[string]int
	inFlight  map[string]int
	most      map[string]int
	changed   chan struct{} // closed and replaced when inFlight grows
}

func (b *book) init() {
	b.entries = nil
	b.count, b.succeeded, b.most = map[string]int{}, map[string]int{}, map[string]int{}
	if b.inFlight == nil {
		b.inFlight, b.changed = map[string]int{}, make(chan struct{})
	}
}

func (b *book) arrive(c *call) *entry {
	en := &entry{Request{
		Time: c.now, Service: c.service, Operation: c.op, Region: c.region,
		MFA: c.form.Has("TokenCode"), TokenCode: c.form.Get("TokenCode"), SerialNumber: c.form.Get("SerialNumber"),
		RoleARN: c.form.Get("RoleArn"), Duration: c.form.Get("DurationSeconds"), UserAgent: c.http.UserAgent(),
		AccountID: c.form.Get("account_id"), RoleName: c.form.Get("role_name"),
	}}
	if s := scopeOf(c.http); s != nil {
		en.AccessKeyID = s[0]
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(b.entries, en)
	for _, op := range []string{c.op, ""} {
		b.count[op]++
		b.inFlight[op]++
		b.most[op] = max(b.most[op], b.inFlight[op])
		if c.op == "" {
			break
		}
	}
	close(b.changed)
	b.changed = make(chan struct{})
	return en
}

func (b *book) leave(en *entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight[""]--
	if en.Operation != "" {
		b.inFlight[en.Operation]--
	}
}

// settle notes the verdict.
func (b *book) settle(en *entry, r reply) {
	b.mu.Lock()
	defer b.mu.Unlock()
	en.Status = r.status
	if r.err != nil {
		en.Code = r.err.code
		return
	}
	if r.result != nil && r.result.Credentials != nil {
		en.Issued = r.result.Credentials.AccessKeyId
	}
	b.succeeded[en.Operation]++
	b.succeeded[""]++
}

func (b *book) struck(en *entry, kind Kind) {
	b.mu.Lock()
	defer b.mu.Unlock()
	en.Fault = string(kind)
}

// Count is the number of requests for an operation that arrived, whatever became of
// them; "" means all.
func (e *Emulator) Count(op string) int {
	e.book.mu.Lock()
	defer e.book.mu.Unlock()
	return e.book.count[op]
}

// Succeeded is the number of requests for an operation that the emulator granted:
// for those that issue tokens, the number of tokens made. A fault that loses or bends
// the answer afterwards does not change it. "" means all.
func (e *Emulator) Succeeded(op string) int {
	e.book.mu.Lock()
	defer e.book.mu.Unlock()
	return e.book.succeeded[op]
}

// CountRole is the number of GetRoleCredentials requests for a permission set in an
// account.
func (e *Emulator) CountRole(account, permissionSet string) int {
	n := 0
	for _, r := range e.Requests() {
		if r.Operation == "GetRoleCredentials" && r.AccountID == account && r.RoleName == permissionSet {
			n++
		}
	}
	return n
}

// MostInFlight is the largest number of requests for an operation that were being
// answered at one moment; "" means all.
func (e *Emulator) MostInFlight(op string) int {
	e.book.mu.Lock()
	defer e.book.mu.Unlock()
	return e.book.most[op]
}

// Requests is a copy of the log, oldest first.
func (e *Emulator) Requests() []Request {
	e.book.mu.Lock()
	defer e.book.mu.Unlock()
	out := make([]Request, len(e.book.entries))
	for i, en := range e.book.entries {
		out[i] = en.Request
	}
	return out
}

// ResetCounts empties the log and sets every count to zero.
func (e *Emulator) ResetCounts() {
	e.book.mu.Lock()
	e.book.init()
	e.book.mu.Unlock()
	e.mu.Lock()
	e.rejected = 0
	e.mu.Unlock()
}

// WaitInFlight waits until n requests for an operation ("" for any) are being
// answered at once, held by a gate or a fault for example.
func (e *Emulator) WaitInFlight(ctx context.Context, op string, n int) error {
	for {
		e.book.mu.Lock()
		now, changed := e.book.inFlight[op], e.book.changed
		e.book.mu.Unlock()
		if now >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d requests of %q in flight, have %d: %w", n, op, now, ctx.Err())
		}
	}
}
