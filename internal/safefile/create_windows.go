package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// privateDescriptor is a private access list, in the security descriptor definition language: the user's, who owns what has it; the system
// and administrators may read and back up, as in every user's own folder; nothing comes from the directory above.
func privateDescriptor(inherited string) (*windows.SECURITY_DESCRIPTOR, error) {
	user, err := userSID()
	if err != nil {
		return nil, err
	}
	entry := "(A;" + inherited + ";FA;;;"
	return windows.SecurityDescriptorFromString("O:" + user + "D:P" + entry + user + ")" + entry + "SY)" + entry + "BA)")
}

// mkdirAll makes a directory, and those above it, private where they are missing.
func mkdirAll(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	if up := filepath.Dir(path); up != path {
		if err := mkdirAll(up); err != nil {
			return err
		}
	}
	if err := mkdir(path); err != nil {
		if info, serr := os.Lstat(path); serr == nil && info.IsDir() { // another process was quicker
			return nil
		}
		return &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

func mkdir(path string) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	sd, err := privateDescriptor("OICI")
	if err != nil {
		return err
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	return windows.CreateDirectory(name, sa)
}

// OpenPrivateFile opens the file with that name in dir, and makes it private where flag says to make it, from its
// first moment on: a process that opened it before it was private could read it ever after.
func OpenPrivateFile(dir *os.Root, name string, flag int) (*os.File, error) {
	if flag&os.O_CREATE == 0 {
		return dir.OpenFile(name, flag, 0)
	}
	for {
		f, err := create(dir, name, flag, 0)
		if err == nil || flag&os.O_EXCL != 0 || !errors.Is(err, fs.ErrExist) {
			return f, err
		}
		f, err = dir.OpenFile(name, flag&^os.O_CREATE, 0)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
}

// create makes a new file, which [os.Root] cannot do with an access list, and opens it with more rights than flag says.
func create(dir *os.Root, name string, flag int, more uint32) (*os.File, error) {
	path := filepath.Join(dir.Name(), name)
	failed := func(err error) (*os.File, error) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, `\/:`) {
		return failed(windows.ERROR_INVALID_NAME)
	}
	at, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = at.Close() }()
	sd, err := privateDescriptor("")
	if err != nil {
		return failed(err)
	}
	ntName, err := windows.NewNTUnicodeString(name)
	if err != nil {
		return failed(err)
	}
	access := windows.FILE_GENERIC_WRITE | windows.FILE_READ_ATTRIBUTES | more
	if flag&os.O_RDWR != 0 {
		access |= windows.FILE_GENERIC_READ
	}
	if flag&os.O_APPEND != 0 {
		access &^= windows.FILE_WRITE_DATA
	}
	attributes := &windows.OBJECT_ATTRIBUTES{RootDirectory: windows.Handle(at.Fd()), ObjectName: ntName, SecurityDescriptor: sd}
	attributes.Length = uint32(unsafe.Sizeof(*attributes))
	var h windows.Handle
	err = windows.NtCreateFile(&h, access, attributes, &windows.IO_STATUS_BLOCK{}, nil, windows.FILE_ATTRIBUTE_NORMAL,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, windows.FILE_CREATE,
		windows.FILE_SYNCHRONOUS_IO_NONALERT|windows.FILE_NON_DIRECTORY_FILE|windows.FILE_OPEN_REPARSE_POINT, 0, 0)
	if s, ok := err.(windows.NTStatus); ok {
		err = s.Errno()
	}
	if err != nil {
		return failed(err)
	}
	return os.NewFile(uintptr(h), path), nil
}

// createLike makes a new file temp for [Rewrite] of the file name. It is private until it has the other's list.
func createLike(dir *os.Root, temp, name string, mode fs.FileMode) (*os.File, error) {
	if mode.Perm()&0o077 == 0 {
		return createTemp(dir, temp)
	}
	old, err := dir.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = old.Close() }()
	f, err := create(dir, temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, windows.WRITE_DAC)
	if err != nil {
		return nil, err
	}
	if err := copyList(f, old); err != nil {
		_ = f.Close()
		_ = dir.Remove(temp)
		return nil, &fs.PathError{Op: "copy the access list of", Path: name, Err: err}
	}
	return f, nil
}

// copyList gives an open file the access list of another as it is, with what came from a directory.
func copyList(to, from *os.File) error {
	sd, err := windows.GetSecurityInfo(windows.Handle(from.Fd()), windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	return windows.SetKernelObjectSecurity(windows.Handle(to.Fd()), windows.DACL_SECURITY_INFORMATION, sd)
}
