package direct

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/sts-helper/sts-helper/internal/envelope"
	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

const (
	// offVariable turns direct answers off when it is set: none is given and none is noted.
	// It is there for tests.
	offVariable = "STS_HELPER_NO_DIRECT"
	// chainVariable carries the requests that are being answered above a process: a helper
	// below another one looks for itself, since it may have been called by its own request.
	chainVariable = "STS_HELPER_CHAIN"
)

// off reports whether direct answers are neither given nor noted in this process.
func off() bool { return os.Getenv(offVariable) != "" || os.Getenv(chainVariable) != "" }

func init() {
	checkLimits()
	if !mayBeNoted(os.Args) || off() {
		return
	}
	Harden() // secrets come into memory now
	document := answer(os.Args)
	if document == nil || !printable() {
		return
	}
	if n, err := os.Stdout.Write(document); err != nil || n != len(document) {
		os.Stderr.WriteString("sts-helper: the credentials could not be written\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// mayBeNoted reports whether args may be a line that prints credentials. Other commands do not
// pay for a look at the notes.
func mayBeNoted(args []string) bool {
	return len(args) == 1 || len(args) > 1 && (strings.HasPrefix(args[1], "-") || args[1] == "process")
}

// answer is the document that answers args, nil where that is not certain.
func answer(args []string) []byte {
	dir, err := record.DefaultDir(os.Getenv)
	if err != nil {
		return nil
	}
	name := noteName(args)
	if name == "" {
		return nil
	}
	note := readNote(dir, name)
	now := record.Now()
	if note == nil || note.ended(now) || !note.holds() {
		return nil
	}
	r := readRecord(note.Cache, note.Key)
	if r == nil || r.FromFuture(now) || !r.Fresh(now) && !note.keeps(r, now) {
		return nil
	}
	if document := r.Document(); len(document) <= record.MaxDocument {
		return document
	}
	return nil
}

// keeps reports whether a record that is due is handed out all the same, without an attempt to
// refresh it. Where one failed before, the ordinary way may have something to say.
func (n *Note) keeps(r *record.Record, now record.Moment) bool {
	if n.Least == 0 || r.Remaining(now) <= n.Least {
		return false
	}
	_, err := os.Lstat(n.Cache + separator + record.VersionDir + separator + n.Key + record.StateExt)
	return errors.Is(err, fs.ErrNotExist)
}

func readNote(dir, name string) *Note {
	data := read(dir, name)
	if data == nil {
		return nil
	}
	note, err := decode(data)
	if err != nil {
		return nil
	}
	return note
}

// readRecord gives the record with that key of the cache in dir.
func readRecord(dir, key string) *record.Record {
	r, reason := envelope.Decode(read(dir, key+record.Ext))
	if reason != "" || envelope.Name(r.Inputs) != key {
		return nil
	}
	return r
}

// read reads a file of the cache in dir, nil where it is not there or not safe.
func read(dir, name string) []byte {
	if safefile.PrivateDir(dir) != nil {
		return nil
	}
	root, err := safefile.OpenPrivateDir(dir + separator + record.VersionDir)
	if err != nil {
		return nil
	}
	defer func() { _ = root.Close() }()
	data, err := safefile.ReadPrivate(root, name, record.MaxFile)
	if err != nil {
		return nil
	}
	return data
}

const separator = string(os.PathSeparator)

// printable reports whether standard output is certain to be open, and not a terminal, where the
// ordinary way has something to say. Go's runtime puts the null device in the place of a closed one;
// the ordinary way finds the words for that too.
func printable() bool {
	out, err := os.Stdout.Stat()
	return err == nil && out.Mode()&os.ModeCharDevice == 0
}
