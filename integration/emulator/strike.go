package emulator

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	hugeBody   = 300 << 20
	hugeHeader = 1 << 20
	dripDelay  = 50 * time.Millisecond
)

// before does what strikes ahead of processing. False: the request is finished with.
func (e *Emulator) before(w http.ResponseWriter, c *call, p plan) bool {
	for _, f := range p.waits {
		e.book.struck(c.entry, f.Kind)
		if !e.wait(c, f, p.released) {
			panic(http.ErrAbortHandler)
		}
	}
	f := p.fault
	if f.Kind == "" {
		return true
	}
	e.book.struck(c.entry, f.Kind)
	switch f.Kind {
	case Reset:
		reset(w)
	case InternalFailure:
		e.write(w, c, refusal(c, internalFailure(c.service)))
	case ServiceUnavailable:
		e.write(w, c, refusal(c, refuse(503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server.")))
	case Throttle:
		e.write(w, c, refusal(c, throttled(c.service)))
	case Deny:
		e.write(w, c, refusal(c, denied("User is not authorized to perform: %s:%s", c.service, c.op)))
	case Refuse:
		status, code := f.Status, f.Code
		if status == 0 {
			status = 400
		}
		e.write(w, c, refusal(c, refuse(status, code, "%s", f.Message)))
	case MalformedXML:
		body := "<" + c.op + `Response xmlns="` + stsNamespace + `"><` + c.op + "Result><Credentials><AccessKeyId>ASIA"
		if isJSON(c.service) {
			body = `{"accessToken":{"accessKeyId":"ASIA`
		}
		e.write(w, c, reply{status: 200, body: body})
	case CaptivePortal:
		e.write(w, c, reply{status: 200, kind: "text/html; charset=utf-8",
			body: "<!DOCTYPE html>\n<html><head><title>Welcome to Hotel WiFi</title></head>\n<body><form method=post action=/login>Room <input name=room> <input type=submit></form><br></body></html>\n"})
	case Redirect:
		status := f.Status
		if status == 0 {
			status = http.StatusFound
		}
		w.Header().Set("Location", f.Location)
		e.write(w, c, reply{status: status})
	case EmptyBody:
		e.write(w, c, reply{status: 200})
	case NoCredentials:
		body := "{}"
		if !isJSON(c.service) {
			body = (&result{}).document(c.op, c.requestID)
		}
		e.write(w, c, reply{status: 200, body: body})
	case HugeBody:
		huge(w, c, 200, "<"+c.op+`Response xmlns="`+stsNamespace+`"><`+c.op+"Result><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>"+canary+"</SecretAccessKey><SessionToken>",
			"</SessionToken><Expiration>"+formatTime(c.now.Add(time.Hour))+"</Expiration></Credentials></"+c.op+"Result></"+c.op+"Response>", f.Size)
	case HugeError:
		huge(w, c, 500, `<ErrorResponse xmlns="`+stsNamespace+`"><Error><Type>Receiver</Type><Code>InternalFailure</Code><Message>`,
			"</Message></Error><RequestId>"+c.requestID+"</RequestId></ErrorResponse>", f.Size)
	case HugeHeader:
		n := f.Size
		if n == 0 {
			n = hugeHeader
		}
		w.Header().Set("X-Amzn-Padding", strings.Repeat("A", int(n)))
		e.write(w, c, reply{status: 200, body: (&result{}).document(c.op, c.requestID)})
	case WrongContentLength:
		w.Header().Set("Content-Length", "100000")
		e.write(w, c, reply{status: 200, body: "<" + c.op + `Response xmlns="` + stsNamespace + `">`})
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		return true
	}
	return false
}

// after writes the answer, bent as ordered.
func (e *Emulator) after(w http.ResponseWriter, c *call, p plan, rep reply) {
	f := p.fault
	switch f.Kind {
	case ResetAfter:
		reset(w)
		return
	case InternalFailureLate:
		e.write(w, c, refusal(c, internalFailure(c.service)))
		return
	case HangAfter:
		if !e.wait(c, Fault{Kind: Hang}, p.released) {
			panic(http.ErrAbortHandler)
		}
	case SlowDrip:
		e.drip(w, c, rep, f.Delay)
		return
	}
	if rep.result != nil && rep.result.raw == "" {
		bent := *rep.result
		if bend(&bent, c, f) {
			rep.body = bent.document(c.op, c.requestID)
		}
	}
	e.write(w, c, rep)
}

// bend changes a good answer into one that must not be believed.
func bend(r *result, c *call, f Fault) bool {
	if f.Kind == OtherIdentity {
		bendIdentity(r, f.ARN)
	}
	if r.Credentials == nil {
		return f.Kind == OtherIdentity
	}
	cr := *r.Credentials
	switch f.Kind {
	case ExpiredCredentials:
		cr.Expiration = formatTime(c.now.Add(-time.Hour))
	case LongExpiry:
		cr.Expiration = formatTime(c.now.AddDate(10, 0, 0))
	case BadExpiry:
		cr.Expiration = "tomorrow"
	case OtherIdentity:
		account := "999999999999"
		if a, ok := parseARN(f.ARN); ok && isAccount(a.account) {
			account = a.account
		}
		cr.AccessKeyId = newKeyID("ASIA", account)
	case BadAccessKeyID:
		cr.AccessKeyId = cr.AccessKeyId[:8] + "\n\u202e" + cr.AccessKeyId[8:]
	case NoSessionToken:
		cr.SessionToken = ""
	case NoSecret:
		cr.SecretAccessKey = ""
	case LongTermKey:
		cr.AccessKeyId = "AKIA" + cr.AccessKeyId[4:]
	default:
		return false
	}
	r.Credentials = &cr
	return true
}

func bendIdentity(r *result, claim string) {
	other := func(own string) string {
		if claim != "" {
			return claim
		}
		if a, ok := parseARN(own); ok {
			return strings.Replace(own, a.account, "999999999999", 1)
		}
		return "arn:aws:sts::999999999999:assumed-role/other/other"
	}
	if r.AssumedRoleUser != nil {
		u := *r.AssumedRoleUser
		u.Arn = other(u.Arn)
		r.AssumedRoleUser = &u
	}
	if r.SessionInfo != nil {
		u := *r.SessionInfo
		u.Arn = other(u.Arn)
		r.SessionInfo = &u
	}
	if r.FederatedUser != nil {
		u := *r.FederatedUser
		u.Arn = other(u.Arn)
		r.FederatedUser = &u
	}
	if r.Arn != "" {
		r.Arn = other(r.Arn)
		if a, ok := parseARN(r.Arn); ok {
			r.Account = a.account
		}
	}
}

// mediaType is the content type of the service's answers.
func (c *call) mediaType() string {
	if isJSON(c.service) {
		return "application/json"
	}
	return "text/xml"
}

func refusal(c *call, err *apiError) reply {
	return reply{status: err.status, body: err.document(c.service, c.requestID), err: err}
}

func (e *Emulator) write(w http.ResponseWriter, c *call, r reply) {
	h := w.Header()
	h.Set("X-Amzn-Requestid", c.requestID)
	h.Set("Date", e.Now().UTC().Format(http.TimeFormat)) // SDKs set their clock by it
	if r.kind == "" {
		r.kind = c.mediaType()
	}
	h.Set("Content-Type", r.kind)
	if r.err != nil && isJSON(c.service) {
		h.Set("X-Amzn-Errortype", r.err.code)
	}
	if h.Get("Content-Length") == "" {
		h.Set("Content-Length", strconv.Itoa(len(r.body)))
	}
	w.WriteHeader(r.status)
	io.WriteString(w, r.body) // a client that went does not matter
}

// wait holds a request; false when the client or the emulator went first.
func (e *Emulator) wait(c *call, f Fault, released <-chan struct{}) bool {
	var elapsed <-chan time.Time
	if f.Kind == Delay {
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		elapsed = t.C
		released = nil
	}
	select {
	case <-elapsed:
	case <-released:
	case <-e.closed:
		return false
	case <-c.http.Context().Done():
		return false
	}
	return true
}

func (e *Emulator) drip(w http.ResponseWriter, c *call, r reply, delay time.Duration) {
	if delay <= 0 {
		delay = dripDelay
	}
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", c.mediaType())
	w.Header().Set("Content-Length", strconv.Itoa(len(r.body)))
	w.WriteHeader(r.status)
	for i := range len(r.body) {
		if _, err := w.Write([]byte{r.body[i]}); err != nil || rc.Flush() != nil {
			return
		}
		if !e.wait(c, Fault{Kind: Delay, Delay: delay}, nil) {
			panic(http.ErrAbortHandler)
		}
	}
}

func huge(w http.ResponseWriter, c *call, status int, head, tail string, size int64) {
	if size == 0 {
		size = hugeBody
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	io.WriteString(w, head)
	block := bytes.Repeat([]byte("A"), 64<<10)
	for size > 0 {
		n, err := w.Write(block[:min(size, int64(len(block)))])
		if err != nil {
			return // the reader has had enough, as it should
		}
		size -= int64(n)
	}
	io.WriteString(w, tail)
}

// reset closes a connection so that the client sees RST.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(fmt.Sprintf("emulator: reset: %v", err))
	}
	raw := conn
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		raw = t.NetConn()
	}
	if t, ok := raw.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	raw.Close()
}
