package direct

import (
	"errors"
	"hash/fnv"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// Note is what a run depended on, and the record that was its answer.
type Note struct {
	// Variables are the variables of the environment that were asked for.
	Variables []Variable
	// Files are the files that were read, or looked for in vain.
	Files []File
	// Cache is the directory of the cache that the record is in.
	Cache string
	// Key names the record: 64 hexadecimal digits, the hash of its inputs.
	Key string
	// Least is the remaining life above which the record is handed out as it is, where that is
	// less than its advisory window: nothing is refreshed then. 0 where it is the window.
	Least time.Duration
	// Life is how long after At the note may be used, where what it rests on must be looked
	// at again then; 0 for no end.
	Life time.Duration
	// At is when it was noted, where it has an end.
	At record.Moment
	// Answer is what is made of the record.
	Answer  Answer
	Profile string // the name that the answer goes with, see [Audited] and [Left]

	key    noteKey // of its hashes
	hash   *hasher
	line   sum // of the identity of the line that it is about
	record sum // of the record's file
}

// Answer is what is made of a record that was noted.
type Answer uint8

// The answers that there are.
const (
	Document Answer = iota // its credential_process document
	Audited                // that document, given once the whole program is there for its line in the audit log: see [TakePending]
	Left                   // a line for a shell prompt: the profile, and how long the record lasts
)

// NewNote begins the note of args. Its key is that of the note that there is, so that the same state
// makes the same note, or else what random fills it with.
func NewNote(args []string, random func([]byte)) *Note {
	n := &Note{}
	if !mayBeNoted(args) || off() {
		random(n.key[:])
	} else if old := readNote(args); old != nil {
		n.key = old.key
	} else {
		random(n.key[:])
	}
	n.hash = newHasher(n.key)
	return n
}

// Variable is a variable of the environment.
type Variable struct {
	Name string
	// Value is the hash of its value, zero for an empty one, which is as good as none, as for AWS SDKs.
	Value sum
}

// AddVariable notes a variable's value.
func (n *Note) AddVariable(name, value string) {
	n.Variables = append(n.Variables, Variable{name, n.hash.ofValue(value)})
}

// SetAnswer notes the answer: the record with that key of the cache in dir, and what is in its file, which
// was verified.
func (n *Note) SetAnswer(dir, key string, file []byte) {
	n.Cache, n.Key, n.record = dir, key, n.hash.of(file)
}

// File is a file that was looked at, as it was then.
type File struct {
	Path    string
	State   FileState
	Size    int64 // of the content, in bytes
	Content sum   // its hash
}

// FileState is what a path was found to be.
type FileState uint8

// The states that can be noted. Of what cannot be read, or is something else, nothing is
// certain.
const (
	Absent     FileState = iota + 1 // nothing has that name
	Null                            // the null device, which is as good as an empty file
	Trusted                         // a regular file that only this user and root can write
	Untrusted                       // a regular file that others can write, too
	WorkingDir                      // the path "."; the content is the directory's name
)

// MaxFile bounds the files that are compared, in bytes. Package settings reads none that is
// larger.
const MaxFile = 8 << 20

// NewFile notes what settings reported to have read, see settings.Environment.Seen. It is not
// ok where nothing can be said of a later change.
func (n *Note) NewFile(path string, content []byte, info fs.FileInfo, err error) (f File, ok bool) {
	f = File{Path: path, Size: int64(len(content)), Content: n.hash.of(content)}
	f.State = stateOf(path, info, err)
	return f, f.State != 0
}

// stateOf is 0 where there is none to be noted.
func stateOf(path string, info fs.FileInfo, err error) FileState {
	switch {
	case err != nil && absent(err):
		return Absent
	case err != nil:
		return 0
	case path == ".":
		return WorkingDir
	case path == os.DevNull:
		return Null
	case info == nil || !info.Mode().IsRegular():
		return 0
	case safefile.CheckTrusted(info) == nil:
		return Trusted
	}
	return Untrusted
}

func absent(err error) bool {
	return err == syscall.ENOENT || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// ended reports whether what the note rests on must be looked at again.
func (n *Note) ended(now record.Moment) bool {
	if n.Life == 0 {
		return false
	}
	since := now.Since(n.At)
	return since < 0 || since >= n.Life
}

// A note is a file of the cache with a document of its own: a line with its format, the key of its
// hashes, the hash of the rest, then strings, each behind its length in four bytes, and lists behind
// their number.
const (
	format  = "direct/5\n"
	maxList = 4 << 10
)

func (n *Note) encode() ([]byte, error) {
	var w writer
	w = append(w, n.line[:]...)
	w.number(len(n.Variables))
	for _, v := range n.Variables {
		w.text(v.Name)
		if v.Value == (sum{}) { // most have none
			w = append(w, 0)
			continue
		}
		w = append(append(w, 1), v.Value[:]...)
	}
	w.number(len(n.Files))
	for _, f := range n.Files {
		w.text(f.Path)
		w = append(w, byte(f.State))
		w.long(f.Size)
		w = append(w, f.Content[:]...)
	}
	w.text(n.Cache)
	w.text(n.Key)
	w = append(w, n.record[:]...)
	w.long(int64(n.Least))
	w.long(int64(n.Life))
	if n.Life != 0 {
		w.long(n.At.Wall.UnixNano())
		w.long(int64(n.At.Boot))
		w.text(n.At.BootID)
	}
	w = append(w, byte(n.Answer))
	if n.Answer != Document {
		w.text(n.Profile)
	}
	check := n.hash.of(w)
	data := append([]byte(format), n.key[:]...)
	data = append(append(data, check[:]...), w...)
	if len(data) > record.MaxFile {
		return nil, errNote
	}
	return data, nil
}

var errNote = errors.New("not a note")

// decode reads a note, or fails; it never believes a damaged one. The note has its strings from data.
func (n *Note) decode(data string, h *hasher) error {
	r := reader{rest: data}
	if r.bytes(len(format)) != format {
		return errNote
	}
	var check sum
	copy(n.key[:], r.bytes(len(n.key)))
	copy(check[:], r.bytes(len(check)))
	n.hash = h
	h.seed(n.key)
	if r.failed || h.of([]byte(r.rest)) != check {
		return errNote
	}
	copy(n.line[:], r.bytes(len(n.line)))
	count := r.count()
	n.Variables = make([]Variable, 0, count)
	for range count {
		v := Variable{Name: r.text()}
		switch r.bytes(1) {
		case "\x00":
		case "\x01":
			copy(v.Value[:], r.bytes(len(v.Value)))
			r.failed = r.failed || v.Value == sum{}
		default:
			r.failed = true
		}
		n.Variables = append(n.Variables, v)
	}
	count = r.count()
	n.Files = make([]File, 0, count)
	for range count {
		f := File{Path: r.text()}
		if state := r.bytes(1); state != "" {
			f.State = FileState(state[0])
		}
		f.Size = r.long()
		copy(f.Content[:], r.bytes(len(f.Content)))
		n.Files = append(n.Files, f)
	}
	n.Cache = r.text()
	n.Key = r.text()
	copy(n.record[:], r.bytes(len(n.record)))
	n.Least = time.Duration(r.long())
	n.Life = time.Duration(r.long())
	if n.Life != 0 {
		n.At = record.Moment{Wall: time.Unix(0, r.long()).UTC(), Boot: time.Duration(r.long()), BootID: r.text()}
	}
	if answer := r.bytes(1); answer != "" {
		n.Answer = Answer(answer[0])
	}
	if n.Answer != Document {
		n.Profile = r.text()
	}
	if r.failed || n.Answer > Left || len(r.rest) != 0 || !record.IsName(n.Key) || n.Life < 0 || n.Least < 0 {
		return errNote
	}
	return nil
}

type writer []byte

func (w *writer) number(n int)  { *w = append(*w, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)) }
func (w *writer) long(n int64)  { w.number(int(n >> 32)); w.number(int(n)) }
func (w *writer) text(s string) { w.number(len(s)); *w = append(*w, s...) }

type reader struct {
	rest   string
	failed bool
}

func (r *reader) bytes(n int) string {
	if r.failed || n < 0 || n > len(r.rest) {
		r.failed = true
		return ""
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) number() int {
	b := r.bytes(4)
	if b == "" {
		return 0
	}
	return int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
}

func (r *reader) long() int64 {
	high := int64(r.number()) << 32
	return high | int64(r.number())
}

func (r *reader) count() int {
	n := r.number()
	if n > min(maxList, len(r.rest)) {
		r.failed = true
		return 0
	}
	return n
}

func (r *reader) text() string { return r.bytes(r.number()) }

// identity is what makes args, args[0] included, the line that a note is about, together with this
// program and this user, appended to to; nil where the program cannot be known again.
func identity(to []byte, args []string) []byte {
	id := programID()
	if id == "" {
		return nil
	}
	w := writer(to)
	w.text(id)
	w.long(int64(os.Getuid()))
	w.long(int64(os.Geteuid()))
	for _, a := range args {
		w.text(a)
	}
	return w
}

// noteName is the name of the note of a line. Should two lines share one, the note tells them apart.
func noteName(line []byte) string {
	h := fnv.New128a()
	_, _ = h.Write(line)
	return record.Hex(h.Sum(nil)) + record.DirectExt
}
