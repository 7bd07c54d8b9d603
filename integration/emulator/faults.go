package emulator

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Kind is a way for a request to go wrong.
type Kind string

// Faults that strike before the request is looked at: nothing is processed, no code is
// burnt. Delay and Hang then let it go on.
const (
	Delay              Kind = "delay"          // wait Fault.Delay, then answer properly
	Hang               Kind = "hang"           // wait until ClearFaults, Close or the client goes, then answer properly
	Reset              Kind = "reset"          // RST
	InternalFailure    Kind = "500"            // InternalFailure
	ServiceUnavailable Kind = "503"            // ServiceUnavailable
	Throttle           Kind = "throttle"       // Throttling, 400
	Deny               Kind = "denied"         // AccessDenied, 403
	Refuse             Kind = "refuse"         // Fault.Status, Fault.Code, Fault.Message
	MalformedXML       Kind = "malformed"      // 200, broken XML
	CaptivePortal      Kind = "captive-portal" // 200, a login page in HTML
	Redirect           Kind = "redirect"       // Fault.Status (302 or 307) to Fault.Location
	EmptyBody          Kind = "empty"          // 200, no body
	NoCredentials      Kind = "no-credentials" // 200, a proper answer without Credentials
	HugeBody           Kind = "huge"           // 200, a SessionToken of Fault.Size bytes; 300 MB by default
	WrongContentLength Kind = "wrong-length"   // 200, fewer bytes than announced
	HugeError          Kind = "huge-error"     // 500, an error document of Fault.Size bytes
	HugeHeader         Kind = "huge-header"    // 200, headers of Fault.Size bytes; 1 MB by default
)

// Faults that strike after the request was processed: a token was made, a code burnt.
const (
	ResetAfter          Kind = "reset-after"          // RST instead of the answer
	InternalFailureLate Kind = "500-after"            // 500 instead of the answer
	HangAfter           Kind = "hang-after"           // as Hang, but processed already
	SlowDrip            Kind = "slow-drip"            // the answer byte by byte, Fault.Delay apart (50 ms)
	ExpiredCredentials  Kind = "expired-credentials"  // Expiration an hour ago
	LongExpiry          Kind = "long-expiry"          // Expiration ten years ahead
	BadExpiry           Kind = "bad-expiry"           // Expiration that is no time
	OtherIdentity       Kind = "other-identity"       // Fault.ARN, or another account, in ARNs and key id
	BadAccessKeyID      Kind = "bad-access-key-id"    // a newline and U+202E in the access key id
	NoSessionToken      Kind = "no-session-token"     // Credentials without SessionToken
	NoSecret            Kind = "no-secret-access-key" // Credentials with an empty SecretAccessKey
	LongTermKey         Kind = "long-term-key"        // an AKIA id in the answer
)

var kinds = []Kind{Delay, Hang, Reset, InternalFailure, ServiceUnavailable, Throttle, Deny, Refuse, MalformedXML,
	CaptivePortal, Redirect, EmptyBody, NoCredentials, HugeBody, WrongContentLength, HugeError, HugeHeader,
	ResetAfter, InternalFailureLate, HangAfter, SlowDrip, ExpiredCredentials, LongExpiry, BadExpiry,
	OtherIdentity, BadAccessKeyID, NoSessionToken, NoSecret, LongTermKey}

// Kinds is every kind there is, for tests that try them all.
func Kinds() []Kind { return slices.Clone(kinds) }

// Fault is trouble ordered for the requests to come.
type Fault struct {
	Kind  Kind   `json:"kind"`  // Required.
	Op    string `json:"op"`    // operation; "" for every one
	Times int    `json:"times"` // for that many requests; 0 until cleared

	Delay    time.Duration `json:"-"`        // Delay and SlowDrip
	Status   int           `json:"status"`   // Redirect (302 by default) and Refuse (400)
	Code     string        `json:"code"`     // Refuse
	Message  string        `json:"message"`  // Refuse
	Location string        `json:"location"` // Redirect
	ARN      string        `json:"arn"`      // OtherIdentity: what the answer shall claim instead
	Size     int64         `json:"size"`     // HugeBody, HugeError, HugeHeader: bytes
}

func (f Fault) waits() bool { return f.Kind == Delay || f.Kind == Hang }

type faults struct {
	mu       sync.Mutex
	list     []*Fault
	released chan struct{} // closed by ClearFaults
	gates    map[string]chan struct{}
}

func (f *faults) init() {
	f.released = make(chan struct{})
	f.gates = map[string]chan struct{}{}
}

// Fault orders trouble. Delays and hangs add up with what was ordered besides; of the
// other kinds the oldest order that fits a request is the one that strikes.
// It panics on a kind that does not exist.
func (e *Emulator) Fault(f Fault) {
	if err := e.AddFault(f); err != nil {
		panic("emulator: " + err.Error())
	}
}

// AddFault is Fault for orders that come from outside.
func (e *Emulator) AddFault(f Fault) error {
	if !slices.Contains(kinds, f.Kind) {
		return fmt.Errorf("no fault is called %q: try one of %v", f.Kind, kinds)
	}
	if f.Op != "" && !isOperation(f.Op) {
		return fmt.Errorf("fault %s: no operation is called %q", f.Kind, f.Op)
	}
	if f.Kind == Redirect && f.Location == "" {
		return fmt.Errorf("fault %s needs a location", f.Kind)
	}
	if f.Times < 0 {
		return fmt.Errorf("fault %s: times %d is negative", f.Kind, f.Times)
	}
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.list = append(e.faults.list, &f)
	return nil
}

// ClearFaults withdraws every order and lets go what hangs.
func (e *Emulator) ClearFaults() {
	f := &e.faults
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
	close(f.released)
	f.released = make(chan struct{})
}

// Gate holds back every answer to an operation ("" for all) until release is called.
// The requests are processed: tokens are made and codes burnt, only the answers
// wait. Release may be called more than once. See also [Emulator.WaitInFlight].
func (e *Emulator) Gate(op string) (release func()) {
	if !e.faults.gate(op) {
		panic("emulator: there is a gate already for " + op)
	}
	return sync.OnceFunc(func() { e.faults.open(op) })
}

// gate shuts a gate; false if it is shut already.
func (f *faults) gate(op string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gates[op] != nil {
		return false
	}
	f.gates[op] = make(chan struct{})
	return true
}

// open lets everybody through a gate and takes it away; false if there is none.
func (f *faults) open(op string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	ch := f.gates[op]
	if ch == nil {
		return false
	}
	delete(f.gates, op)
	close(ch)
	return true
}

// waitGate waits for the gates in a request's way; false when the client or the
// emulator went first.
func (f *faults) waitGate(c *call, closed <-chan struct{}) bool {
	for _, op := range []string{c.op, ""} {
		f.mu.Lock()
		ch := f.gates[op]
		f.mu.Unlock()
		if ch == nil {
			continue
		}
		select {
		case <-ch:
		case <-closed:
			return false
		case <-c.http.Context().Done():
			return false
		}
	}
	return true
}

// plan is what will happen to one request.
type plan struct {
	waits    []Fault
	fault    Fault // Kind "" for none
	released <-chan struct{}
}

func (f *faults) take(op string) plan {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := plan{released: f.released}
	keep := f.list[:0:0]
	for _, o := range f.list {
		hit := (o.Op == "" || o.Op == op) && (o.waits() || p.fault.Kind == "")
		if hit {
			if o.waits() {
				p.waits = append(p.waits, *o)
			} else {
				p.fault = *o
			}
			if o.Times > 0 {
				if o.Times--; o.Times == 0 {
					continue
				}
			}
		}
		keep = append(keep, o)
	}
	f.list = keep
	return p
}

func isOperation(op string) bool {
	for _, service := range []string{"sts", "iam", "ec2"} {
		if _, ok := operations(service)[op]; ok {
			return true
		}
	}
	for _, r := range routes {
		if r.op == op {
			return true
		}
	}
	return false
}
