//go:build !otheros

package direct

import (
	"os"
	"syscall"
	"unsafe"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/remaining"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// answerAndExit answers args and ends the process, where the answer is certain.
func answerAndExit(args []string) {
	hideMemory() // secrets come into it now
	text := answer(args)
	if text == nil || !printable() {
		return
	}
	if memory.note.Answer == Audited {
		pending = &Pending{Document: text, Profile: memory.note.Profile, Record: answered}
		return
	}
	n, err := syscall.Write(syscall.Stdout, text)
	if err != nil || n != len(text) {
		_, err = os.Stdout.Write(text[max(n, 0):]) // which knows about pipes that are full or closed
	}
	if err != nil {
		problem := "the credentials could not be written"
		if memory.note.Answer == Left {
			problem = err.Error()
		}
		os.Stderr.WriteString("sts-helper: " + problem + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// memory is what is read, and what is made of it. It is memory that every process has: to get some takes
// a process that lives for a millisecond longer than to fill it. What is used is together at its
// front, since each page that is touched costs, too.
var memory struct {
	note   Note
	hasher hasher
	line   [2 << 10]byte
	keys   [blockSize/8 + toeplitz]uint64
	file   [record.MaxFile]byte // the program, then the settings files, then the record
	data   [record.MaxFile]byte // of the note, which goes on being used
}

// text is b as a string. Nothing is written to b any more.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// answer is what answers args, nil where that is not certain.
func answer(args []string) []byte {
	user := safefile.CurrentUser()
	n, notes, dir := findNote(user, args)
	defer notes.Close()
	if n == nil {
		return nil
	}
	now := record.Now()
	if n.ended(now) || !n.holds(user) {
		return nil
	}
	records := notes
	if n.Cache != dir {
		var err error
		if records, err = openCache(user, n.Cache); err != nil {
			return nil
		}
		defer records.Close()
	}
	r := n.readRecord(user, records)
	if r == nil || r.FromFuture(now) {
		return nil
	}
	if n.Answer == Left {
		return n.left(r, now)
	}
	if !r.Fresh(now) && !n.keeps(records, r, now) {
		return nil
	}
	if document := r.Document(); len(document) <= record.MaxDocument {
		answered = r
		return document
	}
	return nil
}

// left is the line for a shell prompt, nil where the record has ended. Whether it is due for a refresh makes
// no difference: none is made.
func (n *Note) left(r *record.Record, now record.Moment) []byte {
	rest := r.Remaining(now)
	if rest <= 0 {
		return nil
	}
	return []byte(n.Profile + " " + remaining.Text(rest) + "\n")
}

// openCache opens the folder of the cache in dir in which the records are.
func openCache(user safefile.User, dir string) (safefile.Descriptor, error) {
	d, err := user.OpenPrivate(dir)
	if err != nil {
		return d, err
	}
	defer d.Close()
	return user.OpenPrivateIn(d, record.VersionDir)
}

// readNote is the note of args, nil where there is none that is sound.
func readNote(args []string) *Note {
	n, notes, _ := findNote(safefile.CurrentUser(), args)
	notes.Close()
	return n
}

// findNote is the note of args, nil where there is none that is sound, with the folder that it is in, which
// the caller closes, in the cache's directory dir.
func findNote(user safefile.User, args []string) (n *Note, notes safefile.Descriptor, dir string) {
	line := identity(memory.line[:0], args)
	dir, err := record.DefaultDir(os.Getenv)
	if line == nil || err != nil {
		return nil, -1, ""
	}
	if notes, err = openCache(user, dir); err != nil {
		return nil, notes, dir
	}
	return readNoteOf(user, notes, line), notes, dir
}

func readNoteOf(user safefile.User, notes safefile.Descriptor, line []byte) *Note {
	data, err := user.ReadPrivate(notes, noteName(line), memory.data[:])
	if err != nil {
		return nil
	}
	n, h := &memory.note, &memory.hasher
	h.blocks.words = memory.keys[:0]
	if err := n.decode(text(data), h); err != nil || n.hash.of(line) != n.line {
		return nil
	}
	return n
}

// readRecord is the record of the note, nil where its file is not the one that was noted.
func (n *Note) readRecord(user safefile.User, records safefile.Descriptor) *record.Record {
	data, err := user.ReadPrivate(records, n.Key+record.Ext, memory.file[:])
	if err != nil || n.hash.of(data) != n.record {
		return nil
	}
	r, reason := record.Parse(text(data[record.Header:]))
	if reason != "" {
		return nil
	}
	return r
}

// keeps reports whether a record that is due is handed out all the same, without an attempt to
// refresh it. Where one failed before, the ordinary way may have something to say.
func (n *Note) keeps(records safefile.Descriptor, r *record.Record, now record.Moment) bool {
	if n.Least == 0 || r.Remaining(now) <= n.Least {
		return false
	}
	failed, certain := records.IsIn(n.Key + record.StateExt)
	return !failed && certain
}

// holds reports whether nothing that was noted has changed.
func (n *Note) holds(user safefile.User) bool {
	for _, v := range n.Variables {
		if n.hash.ofValue(getenv(v.Name)) != v.Value {
			return false
		}
	}
	for _, f := range n.Files {
		if n.current(user, f) != f {
			return false
		}
	}
	return true
}

// current is f as it is now, or what is no state at all.
func (n *Note) current(user safefile.User, f File) File {
	if f.State == Null {
		return f
	}
	if f.Path == "." {
		wd, err := os.Getwd()
		now, _ := n.NewFile(f.Path, []byte(wd), nil, err)
		return now
	}
	file, isTrusted, err := user.OpenRegular(f.Path)
	if err == nil {
		defer file.Close()
	}
	d := digest{hasher: n.hash}
	buf := memory.file[:2*blockSize] // fits the fastest cache of a processor
	for length := len(buf); err == nil && length == len(buf) && d.size <= MaxFile; {
		length, err = file.Fill(buf)
		d.add(buf[:length])
	}
	now := File{Path: f.Path, Size: d.size, Content: d.sum()}
	switch {
	case err != nil && absent(err):
		now.State = Absent
	case err != nil || d.size > MaxFile:
	case isTrusted:
		now.State = Trusted
	default:
		now.State = Untrusted
	}
	return now
}

// printable reports whether standard output is certain to be open, and not a terminal, where the
// ordinary way has something to say. Go's runtime puts the null device in the place of a closed one;
// the ordinary way finds the words for that too.
func printable() bool {
	var out syscall.Stat_t
	return syscall.Fstat(syscall.Stdout, &out) == nil && out.Mode&syscall.S_IFMT != syscall.S_IFCHR
}
