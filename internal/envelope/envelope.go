// Package envelope puts what the cache keeps into files, each with a checksum of what is in it, and
// gives a record its name: the hash of what it was asked for with.
//
// It is apart from package record for the sake of package direct, which needs no checksum: it has a
// hash of the whole file from the time when the checksum was verified. crypto/sha256 is initialised
// behind all of crypto, which takes a sixth of the time of a direct answer.
package envelope

import (
	"crypto/sha256"
	"errors"
	"strconv"

	"github.com/sts-helper/sts-helper/internal/record"
)

// Encode is the file of r.
func Encode(r *record.Record) ([]byte, error) {
	doc, err := record.Marshal(r)
	if err != nil {
		return nil, err
	}
	return EncodeFile(doc)
}

// Decode reads the file of a record, or gives the reason why it is not believed. It judges the form
// and the times; whether the keys could be keys is package cache's to judge, before it writes and
// after it reads.
func Decode(data []byte) (r *record.Record, reason string) {
	doc, reason := DecodeFile(data)
	if reason != "" {
		return nil, reason
	}
	return record.Unmarshal(doc)
}

// EncodeFile puts the first line before a document. It fails where the file would be too large.
func EncodeFile(doc []byte) ([]byte, error) {
	if n := record.Header + len(doc); n > record.MaxFile {
		return nil, errors.New("the record would be " + strconv.Itoa(n) + " bytes, " + strconv.Itoa(record.MaxFile) + " at most")
	}
	sum := sha256.Sum256(doc)
	b := make([]byte, 0, record.Header+len(doc))
	b = append(b, record.Magic...)
	b = append(b, record.Hex(sum[:])...)
	b = append(b, '\n')
	return append(b, doc...), nil
}

// DecodeFile gives the document of a file, or the reason why it is not believed.
func DecodeFile(data []byte) (doc []byte, reason string) {
	switch {
	case len(data) == 0:
		return nil, "the file is empty"
	case len(data) > record.MaxFile:
		return nil, "the file is larger than a record can be"
	case len(data) < record.Header || string(data[:len(record.Magic)]) != record.Magic || data[record.Header-1] != '\n':
		return nil, "the file has another format"
	}
	doc = data[record.Header:]
	sum := sha256.Sum256(doc)
	if record.Hex(sum[:]) != string(data[len(record.Magic):record.Header-1]) {
		return nil, "the checksum does not match"
	}
	return doc, ""
}
