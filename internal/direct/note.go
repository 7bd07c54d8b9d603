package direct

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
)

// Note is what a run depended on, and the record that was its answer.
type Note struct {
	Variables []Variable
	Files     []File
	// Dir is the working directory, "" where nothing depended on it.
	Dir string
	// Key names the record: 64 hexadecimal digits.
	Key string
	// Inputs is the hash of the record's inputs, as they stand in its file, so that a record
	// that was put in another's place is not taken for it.
	Inputs [sha256.Size]byte
}

// Variable is a variable of the environment that was asked for.
type Variable struct {
	Name string
	// Value is the hash of its value; an empty value is as good as none, as for AWS SDKs.
	Value [sha256.Size]byte
}

// NewVariable notes a variable's value.
func NewVariable(name, value string) Variable { return Variable{name, sha256.Sum256([]byte(value))} }

// File is a file that was looked at, as it was then.
type File struct {
	Path  string
	State [stateSize]byte // zero where there was none
}

// The note's file: a line with its format, the hash of the rest, and the rest: strings, each
// behind its length in four bytes, and lists behind their number.
const (
	magic   = "STSD1\n"
	maxNote = 256 << 10
	maxList = 4 << 10
)

func (n *Note) encode() []byte {
	var body []byte
	text := func(s string) {
		body = binary.BigEndian.AppendUint32(body, uint32(len(s)))
		body = append(body, s...)
	}
	body = binary.BigEndian.AppendUint32(body, uint32(len(n.Variables)))
	for _, v := range n.Variables {
		text(v.Name)
		body = append(body, v.Value[:]...)
	}
	body = binary.BigEndian.AppendUint32(body, uint32(len(n.Files)))
	for _, f := range n.Files {
		text(f.Path)
		body = append(body, f.State[:]...)
	}
	text(n.Dir)
	text(n.Key)
	body = append(body, n.Inputs[:]...)
	sum := sha256.Sum256(body)
	return append(append([]byte(magic), sum[:]...), body...)
}

var errNote = errors.New("not a note")

// decode reads a note, or fails; it never believes a damaged one.
func decode(data []byte) (n Note, err error) {
	if len(data) < len(magic)+sha256.Size || string(data[:len(magic)]) != magic {
		return n, errNote
	}
	body := data[len(magic)+sha256.Size:]
	if sum := sha256.Sum256(body); string(sum[:]) != string(data[len(magic):len(data)-len(body)]) {
		return n, errNote
	}
	r := reader{rest: body}
	for range r.count() {
		v := Variable{Name: r.text()}
		copy(v.Value[:], r.bytes(len(v.Value)))
		n.Variables = append(n.Variables, v)
	}
	for range r.count() {
		f := File{Path: r.text()}
		copy(f.State[:], r.bytes(len(f.State)))
		n.Files = append(n.Files, f)
	}
	n.Dir = r.text()
	n.Key = r.text()
	copy(n.Inputs[:], r.bytes(len(n.Inputs)))
	if r.failed || len(r.rest) != 0 || !isKey(n.Key) {
		return Note{}, errNote
	}
	return n, nil
}

func isKey(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 2*sha256.Size
}

type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) bytes(n int) []byte {
	if r.failed || n > len(r.rest) {
		r.failed = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) number() int {
	b := r.bytes(4)
	if b == nil {
		return 0
	}
	return int(binary.BigEndian.Uint32(b))
}

func (r *reader) count() int {
	n := r.number()
	if n > maxList {
		r.failed = true
		return 0
	}
	return n
}

func (r *reader) text() string { return string(r.bytes(r.number())) }

// name is the file's name for the question that args are, args[0] included, of this user.
func name(args []string, uid int) string {
	h := sha256.New()
	var n [8]byte
	part := func(s string) {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	part("sts-helper/direct/1")
	binary.BigEndian.PutUint64(n[:], uint64(uid))
	h.Write(n[:])
	for _, a := range args {
		part(a)
	}
	return hex.EncodeToString(h.Sum(nil)) + Ext
}

// Ext is how the names of notes end.
const Ext = ".direct"
