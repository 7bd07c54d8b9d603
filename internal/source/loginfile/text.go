// Package loginfile keeps the files in which AWS's own tools remember a login: those of IAM
// Identity Center and of "aws login".
//
// They stay AWS's: a value that changes is changed in the text, and everything else, known or
// not, stays byte for byte. Other programs write them in place and without a lock, so a text
// that is no whole JSON object is read again before it is called damaged.
//
// A refresh token that is used once must not be lost between AWS's answer and the disk. The new
// text goes to a temporary file whose name follows from the old refresh token; where a process
// dies after that file was complete, [Read] finds it and finishes what was begun.
package loginfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"
)

// Text is a JSON object with the places of its members.
type Text struct {
	data    []byte
	members []member
	open    int // behind the opening brace
	close   int // at the closing brace
}

// member is one name with its value's place in the text.
type member struct {
	name       string
	start, end int
}

// errNotObject never repeats what was read, which may hold secrets.
var errNotObject = errors.New("not one whole JSON object")

// Parse reads exactly one JSON object.
func Parse(data []byte) (*Text, error) {
	t := &Text{data: data}
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, errNotObject
	}
	t.open = int(dec.InputOffset())
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, errNotObject
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, errNotObject
		}
		end := int(dec.InputOffset())
		t.members = append(t.members, member{name.(string), end - len(raw), end})
	}
	if _, err := dec.Token(); err != nil {
		return nil, errNotObject
	}
	t.close = int(dec.InputOffset()) - 1
	if _, err := dec.Token(); err != io.EOF {
		return nil, errNotObject
	}
	return t, nil
}

// Bytes is the text, which the caller must not change.
func (t *Text) Bytes() []byte { return t.data }

// value is the last value of a name, which is the one that counts where it is given twice.
func (t *Text) value(name string) ([]byte, bool) {
	for i := len(t.members) - 1; i >= 0; i-- {
		if m := t.members[i]; m.name == name {
			return t.data[m.start:m.end], true
		}
	}
	return nil, false
}

// String is a member that is a string; "" where it is missing or something else.
func (t *Text) String(name string) string {
	raw, _ := t.value(name)
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// Time is a member that is a time; zero where it is missing or something else.
func (t *Text) Time(name string) time.Time {
	s := t.String(name)
	// RFC 3339, and what old releases of botocore wrote for UTC.
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05UTC"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at
		}
	}
	return time.Time{}
}

// Object is a member that is an object; an empty one where it is missing or something else.
func (t *Text) Object(name string) *Text {
	raw, _ := t.value(name)
	o, err := Parse(raw)
	if err != nil {
		o, _ = Parse([]byte("{}"))
	}
	return o
}

// Member is a member to set: a string, a time, or an object ([Text]).
type Member struct {
	Name  string
	Value any
}

// formatTime is how AWS's tools write times here.
func formatTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }

// encode writes a value as JSON without escaping what need not be.
func encode(v any) []byte {
	switch v := v.(type) {
	case *Text:
		return v.data
	case time.Time:
		return []byte(strconv.Quote(formatTime(v)))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("loginfile: " + err.Error()) // only strings and lists of them come here
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// Set is the text with members changed, or added at the end; everything else stays byte for
// byte.
func (t *Text) Set(members ...Member) *Text {
	for _, m := range members {
		t = t.set(m.Name, encode(m.Value))
	}
	return t
}

func (t *Text) set(name string, value []byte) *Text {
	var b bytes.Buffer
	at, found := 0, false
	for _, m := range t.members {
		if m.name == name {
			b.Write(t.data[at:m.start])
			b.Write(value)
			at, found = m.end, true
		}
	}
	if !found {
		// Behind the last member, or in the empty object, in the spacing of the others.
		end, sep := t.open, ""
		if n := len(t.members); n > 0 {
			end, sep = t.members[n-1].end, ", "
		}
		b.Write(t.data[:end])
		b.WriteString(sep)
		b.Write(encode(name))
		b.WriteString(": ")
		b.Write(value)
		at = end
	}
	b.Write(t.data[at:])
	next, err := Parse(b.Bytes())
	if err != nil {
		panic("loginfile: an edit broke the text") // every value is JSON
	}
	return next
}

// New is a text of these members, in the format of the AWS CLI.
func New(members ...Member) *Text {
	t, _ := Parse([]byte("{}"))
	return t.Set(members...)
}
