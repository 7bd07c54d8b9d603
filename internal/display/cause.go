package display

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// Cause is the last error of a chain that says what it is about, on one safe line: of the long chain
// of an SDK "open /run/token: no such file or directory" or "dial tcp 127.0.0.1:1: connect:
// connection refused", where its end would name nothing. Where none does, it is the end.
func Cause(err error) string {
	if err == nil {
		return ""
	}
	told, last := error(nil), err
	for e := err; e != nil; e = errors.Unwrap(e) {
		if namesItsObject(e) {
			told = e
		}
		last = e
	}
	if told != nil {
		last = told
	}
	return line(last)
}

// namesItsObject reports whether err is one of package os, which have a path, or of packages net and
// net/url, which have an address: those wrap another and have the deprecated method Temporary. (An
// import of net would cost every call its initialisation.)
func namesItsObject(err error) bool {
	switch err.(type) {
	case *fs.PathError, *os.LinkError:
		return true
	case interface {
		Temporary() bool
		Unwrap() error
	}:
		return true
	}
	return false
}

// Innermost is the end of a chain of errors, on one safe line: for a message that has named the file
// or program already.
func Innermost(err error) string {
	if err == nil {
		return ""
	}
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return line(err)
		}
		err = next
	}
}

func line(err error) string {
	return Safe(withoutPasswords(strings.Join(strings.Fields(err.Error()), " ")))
}

// withoutPasswords hides user names and passwords in URLs, which net/url and others repeat where they
// cannot read one.
func withoutPasswords(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "://")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("://")
		end := strings.IndexAny(rest, ` "/`)
		if end < 0 {
			end = len(rest)
		}
		if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 {
			b.WriteString("...")
			rest = rest[at:]
		}
		s = rest
	}
}
