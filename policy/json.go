package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/sts-helper/sts-helper/internal/display"
)

// A node is a JSON value that knows its position, which encoding/json does not keep.
type node struct {
	kind    kind
	at      int    // byte offset of its first character
	text    string // the string's content, or the literal of a number, bool or null
	items   []*node
	members []member
}

type member struct {
	key   string
	at    int
	value *node
}

type kind uint8

const (
	literal kind = iota // null, true, false
	number
	text
	array
	object
)

// String names the kind for a message.
func (k kind) String() string {
	return [...]string{"a bare word", "a number", "a string", "an array", "an object"}[k]
}

// maxDepth bounds nesting. The policy language needs six levels.
const maxDepth = 32

// parse reads data as JSON. Whether it may be used is c.failed; root is nil where there is
// no tree to look at.
func parse(data []byte) (root *node, c *checker) {
	c = &checker{data: data}
	switch {
	case len(data) > maxSource:
		c.data = nil // no position is worth counting in it
		c.errorf(0, "", "%d bytes are too many: a session policy has at most %d characters", len(data), MaxLength)
		return nil, c
	case len(bytes.TrimSpace(data)) == 0:
		c.errorf(0, "", "there is no policy here")
		return nil, c
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		c.errorf(0, "", "there is a byte order mark before the policy: save the file as UTF-8 without it")
		return nil, c
	}
	c.characters()
	if c.failed() {
		return nil, c
	}
	var raw json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		at := len(data)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && syntax.Error() != "unexpected end of JSON input" {
			at = int(syntax.Offset) - 1
		}
		c.errorf(at, "", "not valid JSON: %s", err)
		return nil, c
	}
	// From here on data is known to be one JSON value and nothing else.
	w := walker{data: data, dec: json.NewDecoder(bytes.NewReader(data)), c: c}
	w.dec.UseNumber()
	root = w.value("", 0)
	if w.deep {
		return nil, c
	}
	return root, c
}

// characters refuses what the STS pattern [\t\n\r\u0020-\u00FF] does not take.
func (c *checker) characters() {
	for i, bad := 0, 0; i < len(c.data) && bad < 5; {
		r, n := utf8.DecodeRune(c.data[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			c.errorf(i, "", "byte 0x%02x is not UTF-8", c.data[i])
			bad++
		case r > 0xff:
			c.errorf(i, "", "STS takes characters up to U+00FF only, and this is %U: write it as %s", r, escape(nil, r))
			bad++
		}
		i += n
	}
}

type walker struct {
	data []byte
	dec  *json.Decoder
	c    *checker
	deep bool // nested beyond maxDepth, and given up
}

// next is the next token and where it begins.
func (w *walker) next() (json.Token, int) {
	at := int(w.dec.InputOffset())
	for at < len(w.data) && strings.IndexByte(" \t\r\n,:", w.data[at]) >= 0 {
		at++
	}
	t, err := w.dec.Token()
	if err != nil {
		return nil, at
	}
	return t, at
}

func (w *walker) value(path string, depth int) *node {
	t, at := w.next()
	n := &node{at: at}
	switch t := t.(type) {
	case json.Delim:
		if depth >= maxDepth && !w.deep {
			w.c.errorf(at, path, "nested more than %d deep", maxDepth)
			w.deep = true
		}
		if w.deep {
			return n
		}
		if t == '[' {
			n.kind = array
			for !w.deep && w.dec.More() {
				n.items = append(n.items, w.value(fmt.Sprintf("%s[%d]", path, len(n.items)), depth+1))
			}
		} else {
			n.kind = object
			w.members(n, path, depth)
		}
		w.next() // the closing bracket
	case string:
		n.kind, n.text = text, w.checked(t, at, path)
	case json.Number:
		n.kind, n.text = number, t.String()
	case bool:
		n.kind, n.text = literal, fmt.Sprint(t)
	default:
		n.kind, n.text = literal, "null"
	}
	return n
}

func (w *walker) members(n *node, path string, depth int) {
	first := map[string]int{}
	for !w.deep && w.dec.More() {
		t, at := w.next()
		key, _ := t.(string)
		key = w.checked(key, at, path)
		here := join(path, key)
		if before, twice := first[key]; twice {
			line, _ := position(w.data, before)
			w.c.errorf(at, here, "is here twice (first on line %d)", line)
		} else {
			first[key] = at
		}
		n.members = append(n.members, member{key: key, at: at, value: w.value(here, depth+1)})
	}
}

// checked refuses halves of surrogate pairs, which encoding/json replaces silently.
func (w *walker) checked(s string, at int, path string) string {
	if strings.ContainsRune(s, utf8.RuneError) {
		w.c.errorf(at, path, "an escape here is no character (half a surrogate pair, or U+FFFD)")
	}
	return s
}

func join(path, key string) string {
	if path == "" {
		return clip(key)
	}
	return path + "." + clip(key)
}

// maxName bounds, in bytes, what a finding repeats of a name.
const maxName = 60

// clip keeps a name that the policy's author wrote short and on one line.
func clip(s string) string { return display.Clip(s, maxName) }

// compact appends the shortest JSON for n that is inside the STS pattern.
func (n *node) compact(b []byte) []byte {
	switch n.kind {
	case array:
		b = append(b, '[')
		for i, v := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.compact(b)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		for i, m := range n.members {
			if i > 0 {
				b = append(b, ',')
			}
			b = m.value.compact(append(appendString(b, m.key), ':'))
		}
		return append(b, '}')
	case text:
		return appendString(b, n.text)
	default:
		return append(b, n.text...)
	}
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		b = escape(b, r)
	}
	return append(b, '"')
}

// escape appends r as it is written in a JSON string, escaped only where JSON or the STS
// pattern asks for it.
func escape(b []byte, r rune) []byte {
	if i := slices.Index([]rune("\"\\\b\f\n\r\t"), r); i >= 0 {
		return append(b, '\\', `"\bfnrt`[i])
	}
	if r >= ' ' && r <= 0xff {
		return utf8.AppendRune(b, r)
	}
	for _, u := range utf16.AppendRune(nil, r) {
		b = fmt.Appendf(b, `\u%04x`, u)
	}
	return b
}

// position is the line and column of a byte offset, both from 1.
func position(data []byte, at int) (line, column int) {
	before := data[:min(max(at, 0), len(data))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(before[start:]) + 1
}
