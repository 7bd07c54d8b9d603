package imds

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Header values that are the same in every answer. They are set as slices because that costs the
// answer no allocation; nobody may write to them.
var (
	typeJSON  = []string{"application/json"} // exactly: the Go SDK parses an error only if there is no charset
	typeText  = []string{"text/plain"}
	typeHTML  = []string{"text/html"}
	noStore   = []string{"no-store"}
	noSniff   = []string{"nosniff"}
	closeConn = []string{"close"}
)

// body is an answer that is ready to be written.
type body struct {
	b      []byte
	length []string // the Content-Length header
}

func newBody(b []byte) body {
	return body{b: b, length: []string{strconv.Itoa(len(b))}}
}

func (b body) write(w http.ResponseWriter, status int, contentType []string) int {
	h := w.Header()
	h["Content-Type"] = contentType
	h["Content-Length"] = b.length
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	w.WriteHeader(status)
	_, _ = w.Write(b.b) // a client that went away is no error of ours
	return status
}

// failJSON answers in the form that container clients read: {"code","message"} in lower case (the Go
// SDK matches without regard to case, so only one spelling may be there).
func failJSON(w http.ResponseWriter, status int, code, message string) int {
	b, _ := json.Marshal(struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{code, message}) // strings always marshal
	return newBody(b).write(w, status, typeJSON)
}

// failHTML answers as the instance metadata service does: an XHTML page. why is one line of ASCII from
// this package or the configuration, or empty.
func failHTML(w http.ResponseWriter, status int, why string) int {
	title := strconv.Itoa(status) + " - " + http.StatusText(status)
	page := `<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
	"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>` + title + `</title>
 </head>
 <body>
  <h1>` + title + `</h1>
`
	if why != "" {
		page += "  <p>" + escapeText(why) + "</p>\n"
	}
	page += " </body>\n</html>\n"
	return newBody([]byte(page)).write(w, status, typeHTML)
}

func escapeText(s string) string {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		switch s[i] {
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		case '&':
			b = append(b, "&amp;"...)
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}
