package safefile

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
)

// Refusal is why a file or directory that is there is not used.
type Refusal struct {
	Kind   Kind
	text   string
	others []string // whom an access list of Windows lets in, for [ChmodCommand]
}

// Kind is the rule that a file or directory breaks.
type Kind uint8

// The rules. KindOf is 0 for an error that is no [Refusal].
const (
	NotRegular     Kind = iota + 1 // a link, directory, FIFO, socket or device where a file belongs
	NotDirectory                   // anything but a directory or a link where a directory belongs
	Symlink                        // a link where a directory belongs
	HardLinked                     // a file with a second name, which others may have kept
	OwnerUnknown                   // the file system has no owners
	OtherOwner                     // it is another user's
	OthersMayUse                   // its mode or access list lets other users in
	OthersMayWrite                 // its mode or access list lets other users write
	TooLarge                       // over the caller's bound
	Replaced                       // it is replaced each time that it is opened
)

// Error is a phrase that goes behind the name of the file and a colon.
func (r *Refusal) Error() string { return r.text }

// KindOf is the kind of the [Refusal] in err's chain, 0 where there is none.
func KindOf(err error) Kind {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Kind
	}
	return 0
}

func refuse(kind Kind, text string) error { return &Refusal{kind, text, nil} }

func tooLarge(limit int64) error {
	unit := " bytes"
	switch {
	case limit%(1<<20) == 0:
		limit, unit = limit>>20, " MiB"
	case limit%(1<<10) == 0:
		limit, unit = limit>>10, " KiB"
	}
	return refuse(TooLarge, "larger than "+strconv.FormatInt(limit, 10)+unit)
}

// checkPrivateDir refuses what is no directory, is another user's, or can be entered by
// others. Where info comes from lstat a link is refused, too.
func checkPrivateDir(info fs.FileInfo) error {
	if info.Mode()&fs.ModeSymlink != 0 {
		return refuse(Symlink, "is a symbolic link")
	}
	if !info.IsDir() {
		return refuse(NotDirectory, "not a directory")
	}
	return check(info, private)
}

// CheckPrivateFile refuses what is no regular file, is another user's, has a second name, or
// can be used by others. info is of [Read] or [Stat], as it is for the other checks.
func CheckPrivateFile(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return refuse(NotRegular, "not a regular file")
	}
	return check(info, private)
}

// CheckTrusted refuses a file or directory that users other than this one and root own or can
// write to.
func CheckTrusted(info fs.FileInfo) error { return check(info, trusted) }

// rule is what check looks at beside the owner.
type rule struct {
	rootToo   bool // root may own it
	rootOnly  bool // root must own it
	oneName   bool // a file must have one name only
	forbidden fs.FileMode
	kind      Kind
	text      string
}

// Of [CheckNotEveryones], the same on every system.
const (
	everyonesDirectory = "every user may write to its directory"
	everyonesFile      = "every user may write to it"
)

var (
	private = rule{oneName: true, forbidden: 0o7077, kind: OthersMayUse, text: "others may use it"}
	system  = rule{rootOnly: true, forbidden: 0o022, kind: OthersMayWrite, text: "others than root may write to it"}
	trusted = rule{rootToo: true, forbidden: 0o022, kind: OthersMayWrite, text: "others may write to it"}
)

// cause strips the name that errors of package os repeat.
func cause(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}
