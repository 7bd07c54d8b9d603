// Package oauth holds what the logins of IAM Identity Center and AWS Sign-In share: requests in
// JSON, PKCE, and the redirect from a browser to this machine.
package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
)

// maxAnswer bounds an answer; real ones have some 5 KiB.
const maxAnswer = 1 << 20

// Error is a refusal of the service.
type Error struct {
	Status int
	// Code is the exception's name, such as InvalidGrantException; "" where the answer has
	// none.
	Code string
	// Reason is the error member of the answer, such as invalid_grant or TOKEN_EXPIRED.
	Reason  string
	Message string
}

// Error is one line, safe for a terminal.
func (e *Error) Error() string {
	code := e.Code
	if code == "" {
		code = http.StatusText(e.Status)
	}
	s := fmt.Sprintf("HTTP %d %s", e.Status, code)
	if e.Reason != "" {
		s += " (" + e.Reason + ")"
	}
	if e.Message != "" && e.Message != e.Code {
		s += ": " + e.Message
	}
	return display.Safe(s)
}

// CodeOf is the exception's name of a refusal in err's chain, "" where there is none.
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// Request is one request for JSON.
type Request struct {
	Method string // POST where empty
	URL    string
	Header map[string]string
	Body   any // marshalled; nil for none
}

// Do sends a request once and reads the answer into out, nil for an answer that does not
// matter. Redirects are not followed. Errors are an [*Error], or say what was wrong with the
// connection or the answer; none repeats what was sent or received but a refusal's own words.
func (r Request) Do(ctx context.Context, transport http.RoundTripper, out any) error {
	if r.Method == "" {
		r.Method = http.MethodPost
	}
	var body io.Reader
	if r.Body != nil {
		b, err := json.Marshal(r.Body)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, body)
	if err != nil {
		return errors.New("the endpoint is not a URL")
	}
	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	for k, v := range r.Header {
		req.Header.Set(k, v)
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading the answer: %w", err)
	case len(data) > maxAnswer:
		return errors.New("the answer is larger than 1 MiB")
	case res.StatusCode/100 != 2:
		return refusal(res, data)
	case out == nil:
		return nil
	}
	if json.Unmarshal(data, out) != nil {
		return errors.New("the answer is not the JSON that the service gives: is a proxy or a captive portal in the way?")
	}
	return nil
}

func refusal(res *http.Response, data []byte) error {
	e := &Error{Status: res.StatusCode}
	var doc struct {
		Type        string `json:"__type"`
		Message     string `json:"message"`
		Reason      string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(data, &doc) == nil {
		e.Code, e.Reason, e.Message = doc.Type, doc.Reason, doc.Message
		if doc.Description != "" {
			e.Message = doc.Description
		}
	}
	if h := res.Header.Get("X-Amzn-Errortype"); h != "" {
		e.Code = h
	}
	// "aws.sso#Name:http://…" in old protocols
	e.Code, _, _ = strings.Cut(e.Code, ":")
	if i := strings.LastIndexByte(e.Code, '#'); i >= 0 {
		e.Code = e.Code[i+1:]
	}
	return e
}

// Spent reports whether a failed request may have reached the service and been done: then a
// token that works once may be used up.
func Spent(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return !ok || e.Status >= 500
}
