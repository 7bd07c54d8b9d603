package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// A file of the cache is one line with its format and the SHA-256 of the rest, then one
// JSON document in the only form this package writes: the order of the fields fixed, no
// white space. What was read is believed only if writing it again gives the same bytes,
// which rules out doubled, unknown, missing and differently spelt members, trailing bytes
// and every other way in which two readers could see two documents in one.
const (
	magic   = "STSH1 "
	sumSize = 2 * sha256.Size
	header  = len(magic) + sumSize + 1
	// maxFile bounds every file of the cache, header included.
	maxFile = 64 << 10
)

// Miss says why a record cannot be used. It matches [ErrMiss].
type Miss struct {
	Reason string // "there is none", "the checksum does not match"
	Err    error  // the system's error where there was one
}

// ErrMiss is matched by every error that means there is no usable record.
var ErrMiss = errors.New("no usable record")

func (m *Miss) Error() string {
	if m.Err != nil {
		return fmt.Sprintf("%v: %s: %v", ErrMiss, m.Reason, m.Err)
	}
	return fmt.Sprintf("%v: %s", ErrMiss, m.Reason)
}

// Unwrap makes a Miss match ErrMiss and the system's error.
func (m *Miss) Unwrap() []error { return []error{ErrMiss, m.Err} }

func miss(reason string) *Miss { return &Miss{Reason: reason} }

// seal renders v as a file of the cache.
func seal(v any) ([]byte, error) {
	doc, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if header+len(doc) > maxFile {
		return nil, fmt.Errorf("the record would be %d bytes, %d at most", header+len(doc), maxFile)
	}
	sum := sha256.Sum256(doc)
	b := make([]byte, 0, header+len(doc))
	b = append(b, magic...)
	b = hex.AppendEncode(b, sum[:])
	b = append(b, '\n')
	return append(b, doc...), nil
}

// unseal reads a file of the cache into v, or says why it is not believed.
func unseal(data []byte, v any) *Miss {
	switch {
	case len(data) == 0:
		return miss("the file is empty")
	case len(data) > maxFile:
		return miss("the file is larger than a record can be")
	case len(data) < header || string(data[:len(magic)]) != magic || data[header-1] != '\n':
		return miss("the file has another format")
	}
	doc := data[header:]
	sum := sha256.Sum256(doc)
	if string(hex.AppendEncode(nil, sum[:])) != string(data[len(magic):header-1]) {
		return miss("the checksum does not match")
	}
	if err := json.Unmarshal(doc, v); err != nil {
		return miss("the document cannot be read")
	}
	again, err := json.Marshal(v)
	if err != nil || !bytes.Equal(again, doc) {
		return miss("the document is not in the form it was written in")
	}
	return nil
}
