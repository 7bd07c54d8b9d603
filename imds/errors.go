package imds

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The values of headers, made once for all answers: net/http only reads them.
var (
	typeJSON = []string{"application/json"} // exactly: the Go SDK parses an error only if there is no charset
	typeText = []string{"text/plain"}
	typeHTML = []string{"text/html"}
	noStore  = []string{"no-store"}
	noSniff  = []string{"nosniff"}
)

// counted is up to which length net/http counts a body itself, which costs less than to be told.
const counted = 2048

// write answers with body, and gives status.
func write(w http.ResponseWriter, status int, contentType []string, body []byte) int {
	h := w.Header()
	h["Content-Type"], h["Cache-Control"], h["X-Content-Type-Options"] = contentType, noStore, noSniff
	if len(body) > counted {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
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
