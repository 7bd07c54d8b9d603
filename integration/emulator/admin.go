package emulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// adminPrefix is where a script steers the emulator; see [Emulator.EnableAdmin].
const adminPrefix = "/_emulator/"

// EnableAdmin opens the loopback API by which shell scripts and tests in other
// languages do what a Go test does through methods:
//
//	GET  /_emulator/counts                      requests, succeeded, most_in_flight by operation; rejected_codes
//	GET  /_emulator/requests                    the log
//	GET  /_emulator/world                       users with their keys and devices, roles
//	GET  /_emulator/lookup?access_key_id=ID     whose a key is (404: nobody's)
//	GET  /_emulator/totp?device=SERIAL|NAME     the code now, and the seconds it lasts
//	GET  /_emulator/webidentity?provider=ARN&sub=S&aud=A&ttl=1h    a signed token
//	GET  /_emulator/saml?provider=ARN&role=ARN&session=NAME        a signed assertion
//	POST /_emulator/fault   {"kind":"500","op":"GetSessionToken","times":1,"delay":"2s",...}
//	POST /_emulator/clear                       withdraw faults; ?counts=1 also empties counts and log
//	POST /_emulator/clock?offset=2h             now is the real time plus that; 0 for the real time
//	POST /_emulator/gate?op=OP, /release?op=OP  hold answers back, let them go
//	POST /_emulator/browser?user=NAME           the pages of a login go on as that user; !refuse refuses
//	POST /_emulator/sso-expire, /sso-end?user=NAME   access tokens end, sessions end
//	POST /_emulator/login-end?arn=ARN&why=TOKEN_EXPIRED    sessions of "aws login" end
//
// Answers are JSON; errors are {"error":"…"} with 4xx.
func (e *Emulator) EnableAdmin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.admin = true
}

func (e *Emulator) adminEnabled() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.admin
}

func (e *Emulator) serveAdmin(w http.ResponseWriter, r *http.Request) {
	// A web page must not be able to read codes and keys, worthless as they are.
	host, _, err := net.SplitHostPort(r.Host)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) || r.Header.Get("Origin") != "" {
		writeJSON(w, http.StatusForbidden, map[string]string{"error": "only from this machine, not from a browser"})
		return
	}
	name := r.Method + " " + strings.TrimPrefix(r.URL.Path, adminPrefix)
	do, ok := adminCalls[name]
	if !ok {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no such call: " + name})
		return
	}
	out, err := do(e, r)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, out)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.Encode(v) // a client that went does not matter
}

var adminCalls = map[string]func(*Emulator, *http.Request) (any, error){
	"GET counts":      (*Emulator).adminCounts,
	"GET requests":    func(e *Emulator, _ *http.Request) (any, error) { return e.Requests(), nil },
	"GET world":       func(e *Emulator, _ *http.Request) (any, error) { return e.Describe(), nil },
	"GET lookup":      (*Emulator).adminLookup,
	"GET totp":        (*Emulator).adminTOTP,
	"GET webidentity": (*Emulator).adminWebIdentity,
	"GET saml":        (*Emulator).adminSAML,
	"POST fault":      (*Emulator).adminFault,
	"POST clear":      (*Emulator).adminClear,
	"POST clock":      (*Emulator).adminClock,
	"POST gate":       (*Emulator).adminGate,
	"POST release":    (*Emulator).adminRelease,
	"POST browser":    (*Emulator).adminBrowser,
	"POST sso-expire": (*Emulator).adminSSOExpire,
	"POST sso-end":    (*Emulator).adminSSOEnd,
	"POST login-end":  (*Emulator).adminLoginEnd,
}

// done is the answer of a call that only does something.
var done = map[string]bool{"ok": true}

func (e *Emulator) adminCounts(*http.Request) (any, error) {
	rejected := e.RejectedCodes()
	e.book.mu.Lock()
	defer e.book.mu.Unlock()
	return map[string]any{
		"requests":       maps.Clone(e.book.count),
		"succeeded":      maps.Clone(e.book.succeeded),
		"most_in_flight": maps.Clone(e.book.most),
		"rejected_codes": rejected,
	}, nil
}

func (e *Emulator) adminLookup(r *http.Request) (any, error) {
	id, ok := e.Lookup(r.URL.Query().Get("access_key_id"))
	if !ok {
		return nil, fmt.Errorf("no such key")
	}
	return id, nil
}

func (e *Emulator) adminTOTP(r *http.Request) (any, error) {
	want := r.URL.Query().Get("device")
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, d := range e.devices {
		if d.SerialNumber == want || d.Name != "" && d.Name == want {
			now := e.Now()
			return map[string]any{
				"code":          d.Code(now),
				"serial_number": d.SerialNumber,
				"seconds_left":  int64(totpStep/time.Second) - now.Unix()%int64(totpStep/time.Second),
			}, nil
		}
	}
	return nil, fmt.Errorf("no MFA device is called %q", want)
}

func (e *Emulator) adminWebIdentity(r *http.Request) (any, error) {
	q := r.URL.Query()
	e.mu.Lock()
	p := e.oidc[q.Get("provider")]
	e.mu.Unlock()
	if p == nil {
		return nil, fmt.Errorf("no OIDC provider has the ARN %q", q.Get("provider"))
	}
	life := time.Hour
	if s := q.Get("ttl"); s != "" {
		var err error
		if life, err = time.ParseDuration(s); err != nil {
			return nil, err
		}
	}
	return map[string]string{"token": p.Token(q.Get("sub"), q.Get("aud"), e.Now().Add(life))}, nil
}

func (e *Emulator) adminSAML(r *http.Request) (any, error) {
	q := r.URL.Query()
	e.mu.Lock()
	p := e.saml[q.Get("provider")]
	e.mu.Unlock()
	if p == nil {
		return nil, fmt.Errorf("no SAML provider has the ARN %q", q.Get("provider"))
	}
	return map[string]string{"assertion": p.Assertion(SAMLAssertion{
		RoleARNs: q["role"], RoleSessionName: q.Get("session"), Issued: e.Now(),
	})}, nil
}

func (e *Emulator) adminFault(r *http.Request) (any, error) {
	var in struct {
		Fault
		Delay string `json:"delay"`
	}
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, err
	}
	if in.Delay != "" {
		d, err := time.ParseDuration(in.Delay)
		if err != nil {
			return nil, err
		}
		in.Fault.Delay = d
	}
	return done, e.AddFault(in.Fault)
}

func (e *Emulator) adminClear(r *http.Request) (any, error) {
	e.ClearFaults()
	if r.URL.Query().Get("counts") != "" {
		e.ResetCounts()
	}
	return done, nil
}

func (e *Emulator) adminClock(r *http.Request) (any, error) {
	offset, err := time.ParseDuration(r.URL.Query().Get("offset"))
	if err != nil {
		if n, bad := strconv.Atoi(r.URL.Query().Get("offset")); bad == nil {
			offset = time.Duration(n) * time.Second
		} else {
			return nil, err
		}
	}
	e.SetNow(func() time.Time { return time.Now().Add(offset) })
	return map[string]string{"now": formatTime(e.Now())}, nil
}

func (e *Emulator) adminGate(r *http.Request) (any, error) {
	op := r.URL.Query().Get("op")
	if op != "" && !isOperation(op) {
		return nil, fmt.Errorf("no operation is called %q", op)
	}
	if !e.faults.gate(op) {
		return nil, fmt.Errorf("there is a gate already for %q", op)
	}
	return done, nil
}

func (e *Emulator) adminRelease(r *http.Request) (any, error) {
	if !e.faults.open(r.URL.Query().Get("op")) {
		return nil, fmt.Errorf("there is no gate for %q", r.URL.Query().Get("op"))
	}
	return done, nil
}
