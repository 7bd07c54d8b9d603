package record

import (
	"crypto/sha256"
	"errors"
	"strconv"
)

// A file of the cache is one line with its format and the SHA-256 of the rest, then the rest:
// one document in the only form this program writes.
const (
	magic = "STSH1 "
	// Header is the length of the first line, its end included.
	Header = len(magic) + 2*sha256.Size + 1
	// MaxFile bounds every file of the cache in bytes, the first line included.
	MaxFile = 64 << 10
)

// EncodeFile puts the first line before a document. It fails where the file would be too large.
func EncodeFile(doc []byte) ([]byte, error) {
	if n := Header + len(doc); n > MaxFile {
		return nil, errors.New("the record would be " + strconv.Itoa(n) + " bytes, " + strconv.Itoa(MaxFile) + " at most")
	}
	sum := sha256.Sum256(doc)
	b := make([]byte, 0, Header+len(doc))
	b = append(b, magic...)
	b = append(b, Hex(sum[:])...)
	b = append(b, '\n')
	return append(b, doc...), nil
}

// DecodeFile gives the document of a file, or the reason why it is not believed.
func DecodeFile(data []byte) (doc []byte, reason string) {
	switch {
	case len(data) == 0:
		return nil, "the file is empty"
	case len(data) > MaxFile:
		return nil, "the file is larger than a record can be"
	case len(data) < Header || string(data[:len(magic)]) != magic || data[Header-1] != '\n':
		return nil, "the file has another format"
	}
	doc = data[Header:]
	sum := sha256.Sum256(doc)
	if Hex(sum[:]) != string(data[len(magic):Header-1]) {
		return nil, "the checksum does not match"
	}
	return doc, ""
}
