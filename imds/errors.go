package imds

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	typeJSON = "application/json" // exactly: the Go SDK parses an error only if there is no charset
	typeText = "text/plain"
	typeHTML = "text/html"
)

// write answers with body, and gives status.
func write(w http.ResponseWriter, status int, contentType string, body []byte) int {
	h := w.Header()
	v := [...]string{contentType, strconv.Itoa(len(body)), "no-store", "nosniff"} // one allocation for all
	h["Content-Type"], h["Content-Length"] = v[0:1:1], v[1:2:2]
	h["Cache-Control"], h["X-Content-Type-Options"] = v[2:3:3], v[3:4:4]
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away is no error of ours
	return status
}

// waitBefore says when a client that gets a 503 is to come back: in seconds as HTTP has it (RFC 9110, 10.2.3), and
// in milliseconds as AWS's SDKs read it since 2026 (aws-sdk-go-v2: aws/retry, adjustForRetryAfterHeader).
func waitBefore(w http.ResponseWriter, d time.Duration) {
	h := w.Header()
	h.Set("Retry-After", strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
	h.Set("X-Amz-Retry-After", strconv.FormatInt(d.Milliseconds(), 10))
}

// failJSON answers in the form that container clients read: {"code","message"} in lower case (the Go
// SDK matches without regard to case, so only one spelling may be there).
func failJSON(w http.ResponseWriter, status int, code, message string) int {
	b, _ := json.Marshal(struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{code, message}) // strings always marshal
	return write(w, status, typeJSON, b)
}

// failHTML answers with a page, as the instance metadata service does. why is one line of ASCII from
// this package or the configuration, or empty.
func failHTML(w http.ResponseWriter, status int, why string) int {
	title := strconv.Itoa(status) + " - " + http.StatusText(status)
	return write(w, status, typeHTML, []byte("<!DOCTYPE html>\n<html lang=\"en\"><title>"+title+"</title><h1>"+title+"</h1><p>"+htmlText.Replace(why)+"</p></html>\n"))
}

var htmlText = strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;")
