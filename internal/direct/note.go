package direct

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sts-helper/sts-helper/internal/envelope"
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
}

// Variable is a variable of the environment.
type Variable struct {
	Name string
	// Value is the hash of its value; an empty value is as good as none, as for AWS SDKs.
	Value [sha256.Size]byte
}

// NewVariable notes a variable's value.
func NewVariable(name, value string) Variable { return Variable{name, sha256.Sum256([]byte(value))} }

// File is a file that was looked at, as it was then.
type File struct {
	Path    string
	State   FileState
	Size    int64             // of the content, in bytes
	Content [sha256.Size]byte // its hash
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
func NewFile(path string, content []byte, info fs.FileInfo, err error) (f File, ok bool) {
	f = File{Path: path, Size: int64(len(content)), Content: sha256.Sum256(content)}
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
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// current is f as it is now, or what is no state at all.
func (f *File) current() File {
	if f.State == Null {
		return *f
	}
	if f.Path == "." {
		wd, err := os.Getwd()
		now, _ := NewFile(f.Path, []byte(wd), nil, err)
		return now
	}
	h := counter{Hash: sha256.New()}
	info, err := safefile.Copy(&h, f.Path, MaxFile)
	return File{f.Path, stateOf(f.Path, info, err), h.size, [sha256.Size]byte(h.Sum(nil))}
}

// counter is a hash that knows how much it was given.
type counter struct {
	hash.Hash
	size int64
}

func (c *counter) Write(b []byte) (int, error) {
	c.size += int64(len(b))
	return c.Hash.Write(b)
}

// largeFile is the size in bytes from which a file is worth a goroutine of its own: thousands
// of profiles, in two files, take most of the time of a direct answer.
const largeFile = 128 << 10

// holds reports whether nothing that was noted has changed.
func (n *Note) holds() bool {
	for _, v := range n.Variables {
		if NewVariable(v.Name, getenv(v.Name)) != v {
			return false
		}
	}
	var large sync.WaitGroup
	var changed atomic.Bool
	for i, f := range n.Files {
		compare := func() {
			if f.current() != f {
				changed.Store(true)
			}
		}
		if f.Size >= largeFile && i+1 < len(n.Files) {
			large.Go(compare)
			continue
		}
		if compare(); changed.Load() {
			return false
		}
	}
	large.Wait()
	return !changed.Load()
}

// ended reports whether what the note rests on must be looked at again.
func (n *Note) ended(now record.Moment) bool {
	if n.Life == 0 {
		return false
	}
	since := now.Since(n.At)
	return since < 0 || since >= n.Life
}

// A note is a file of the cache with a document of its own: a line with its format, then
// strings, each behind its length in four bytes, and lists behind their number.
const (
	format  = "direct/2\n"
	maxList = 4 << 10
)

func (n *Note) encode() ([]byte, error) {
	w := writer(format)
	w.number(len(n.Variables))
	for _, v := range n.Variables {
		w.text(v.Name)
		w = append(w, v.Value[:]...)
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
	w.long(int64(n.Least))
	w.long(int64(n.Life))
	if n.Life != 0 {
		w.long(n.At.Wall.UnixNano())
		w.long(int64(n.At.Boot))
		w.text(n.At.BootID)
	}
	return envelope.EncodeFile(w)
}

var errNote = errors.New("not a note")

// decode reads a note, or fails; it never believes a damaged one.
func decode(data []byte) (*Note, error) {
	doc, reason := envelope.DecodeFile(data)
	if reason != "" || len(doc) < len(format) || string(doc[:len(format)]) != format {
		return nil, errNote
	}
	r := reader{rest: doc[len(format):]}
	n := &Note{}
	for range r.count() {
		v := Variable{Name: r.text()}
		copy(v.Value[:], r.bytes(len(v.Value)))
		n.Variables = append(n.Variables, v)
	}
	for range r.count() {
		f := File{Path: r.text()}
		if state := r.bytes(1); state != nil {
			f.State = FileState(state[0])
		}
		f.Size = r.long()
		copy(f.Content[:], r.bytes(len(f.Content)))
		n.Files = append(n.Files, f)
	}
	n.Cache = r.text()
	n.Key = r.text()
	n.Least = time.Duration(r.long())
	n.Life = time.Duration(r.long())
	if n.Life != 0 {
		n.At = record.Moment{Wall: time.Unix(0, r.long()).UTC(), Boot: time.Duration(r.long()), BootID: r.text()}
	}
	if r.failed || len(r.rest) != 0 || !record.IsName(n.Key) || n.Life < 0 || n.Least < 0 {
		return nil, errNote
	}
	return n, nil
}

type writer []byte

func (w *writer) number(n int)  { *w = append(*w, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)) }
func (w *writer) long(n int64)  { w.number(int(n >> 32)); w.number(int(n)) }
func (w *writer) text(s string) { w.number(len(s)); *w = append(*w, s...) }

type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) bytes(n int) []byte {
	if r.failed || n < 0 || n > len(r.rest) {
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
	return int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
}

func (r *reader) long() int64 {
	high := int64(r.number()) << 32
	return high | int64(r.number())
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

// noteName is the name of the note of the line that args are, args[0] included, for this
// program and user; "" where the program cannot be known again.
func noteName(args []string) string {
	id := programID()
	if id == "" {
		return ""
	}
	w := writer(format)
	w.text(id)
	w.long(int64(os.Getuid()))
	w.long(int64(os.Geteuid()))
	for _, a := range args {
		w.text(a)
	}
	sum := sha256.Sum256(w)
	return record.Hex(sum[:]) + record.DirectExt
}
