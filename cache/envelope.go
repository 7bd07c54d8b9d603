package cache

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sts-helper/sts-helper/internal/envelope"
)

// Miss says why a record cannot be used. It matches [ErrMiss].
type Miss struct {
	Reason string // "there is none", "the checksum does not match"
	Err    error  // the system's error where there was one
}

// ErrMiss is matched by every error that means there is no usable record.
var ErrMiss = errors.New("no usable record")

// Error is [ErrMiss], the reason, and the system's error where there was one.
func (m *Miss) Error() string {
	if m.Err != nil {
		return fmt.Sprintf("%v: %s: %v", ErrMiss, m.Reason, m.Err)
	}
	return fmt.Sprintf("%v: %s", ErrMiss, m.Reason)
}

// Unwrap makes a Miss match ErrMiss and the system's error.
func (m *Miss) Unwrap() []error { return []error{ErrMiss, m.Err} }

func miss(reason string) *Miss { return &Miss{Reason: reason} }

// encodeFile renders v, which is not a record, as a file of the cache: an envelope around JSON.
func encodeFile(v any) ([]byte, error) {
	doc, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return envelope.EncodeFile(doc)
}

// decodeFile reads a file of the cache into v and reports whether it is believed: as with
// records, only if writing it again gives the same bytes.
func decodeFile(data []byte, v any) bool {
	doc, reason := envelope.DecodeFile(data)
	if reason != "" || json.Unmarshal(doc, v) != nil {
		return false
	}
	again, err := json.Marshal(v)
	return err == nil && bytes.Equal(again, doc)
}
