package safefile

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// secured is what package os knows about a file, with its owner and access list in the place of what it has of the
// system, where a caller that wraps it leaves them.
type secured struct {
	fs.FileInfo
	list *accessList
}

func (s secured) Sys() any { return s.list }

// Stat is what is known about an open file, for the checks of this package.
func Stat(f *os.File) (fs.FileInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	list := &accessList{err: errors.New("it is closed")}
	if c, err := f.SyscallConn(); err == nil {
		_ = c.Control(func(fd uintptr) {
			list = listOf(windows.GetSecurityInfo(windows.Handle(fd), windows.SE_FILE_OBJECT, ownerAndList))
		})
	}
	return secured{info, list}, nil
}

// StatDir is the same for an open directory.
func StatDir(dir *os.Root) (fs.FileInfo, error) {
	f, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return Stat(f)
}

// StatPath is the same for the file or directory at path, behind any links.
func StatPath(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return secured{info, named(path)}, nil
}

func lstat(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	return secured{info, named(path)}, nil
}

func sameFile(a, b fs.FileInfo) bool {
	if s, ok := a.(secured); ok {
		a = s.FileInfo
	}
	if s, ok := b.(secured); ok {
		b = s.FileInfo
	}
	return os.SameFile(a, b)
}

const ownerAndList = windows.OWNER_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION

// named is the access list of what has that name, behind any links.
func named(path string) *accessList {
	return listOf(windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, ownerAndList))
}

func listOf(sd *windows.SECURITY_DESCRIPTOR, err error) *accessList {
	l := &accessList{err: err}
	if err != nil {
		return l
	}
	if l.user, l.err = userSID(); l.err != nil {
		return l
	}
	owner, _, err := sd.Owner()
	if err != nil || owner == nil {
		l.err = errors.Join(err, errors.New("it has no owner"))
		return l
	}
	l.owner = owner.String()
	acl, _, err := sd.DACL()
	if err != nil && !errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND) {
		l.err = err
		return l
	}
	if l.none = acl == nil; l.none {
		return l
	}
	for i := range uint32(acl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if l.err = windows.GetAce(acl, i, &ace); l.err != nil {
			return l
		}
		e := accessEntry{kind: ace.Header.AceType, mask: uint32(ace.Mask)}
		if e.kind == aceAllowed || e.kind == aceAllowedCallback { // of the other kinds it may be elsewhere
			e.sid = (*windows.SID)(unsafe.Pointer(&ace.SidStart)).String()
		}
		l.entries = append(l.entries, e)
	}
	return l
}

// userSID is the user of this process.
var userSID = sync.OnceValues(func() (string, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return "", err
	}
	return user.User.Sid.String(), nil
})
