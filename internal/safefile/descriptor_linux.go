//go:build !otheros

package safefile

import "syscall"

// A Descriptor is an open file or directory, without what package os adds to it: an [os.File] starts the
// runtime's poller, an [os.Root] looks at every name before it opens it. Together they take longer
// than all reading of a call that finds its token. The rules are this package's, and since only what is open is
// looked at, no name can come to mean another file in between. Errors are for a caller that
// leaves what is not plain sailing to the other functions, which have the words.
type Descriptor int

// User is the effective user of this process, for the functions that ask for one, so that it is asked for once.
type User int

// CurrentUser is the effective user of this process.
func CurrentUser() User { return User(syscall.Geteuid()) }

// OpenPrivate opens the directory at path, which is no link, by the rules of [OpenPrivateDir].
func (u User) OpenPrivate(path string) (Descriptor, error) {
	return u.directory(syscall.Open(path, directoryFlags, 0))
}

// OpenPrivateIn opens the directory with that name in d as OpenPrivate does.
func (u User) OpenPrivateIn(d Descriptor, name string) (Descriptor, error) {
	return u.directory(syscall.Openat(int(d), name, directoryFlags, 0))
}

const (
	directoryFlags = syscall.O_RDONLY | syscall.O_DIRECTORY | syscall.O_NOFOLLOW | syscall.O_CLOEXEC
	fileFlags      = syscall.O_RDONLY | syscall.O_CLOEXEC | openFlags
)

func (u User) directory(fd int, err error) (Descriptor, error) {
	if err != nil {
		return -1, err
	}
	d := Descriptor(fd)
	var st syscall.Stat_t
	if err = syscall.Fstat(fd, &st); err == nil {
		err = checkStat(&st, private, int(u))
	}
	if err != nil {
		d.Close()
		return -1, err
	}
	return d, nil
}

// ReadPrivate reads the file with that name in d by the rules of the function [ReadPrivate] into buf, which is larger
// than the file may be.
func (u User) ReadPrivate(d Descriptor, name string, buf []byte) ([]byte, error) {
	f, st, err := regular(syscall.Openat(int(d), name, fileFlags|syscall.O_NOFOLLOW, 0))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := checkStat(&st, private, int(u)); err != nil {
		return nil, err
	}
	n, err := f.Fill(buf)
	if err == nil && n == len(buf) {
		err = tooLarge(int64(n - 1))
	}
	return buf[:n], err
}

// OpenRegular opens the regular file at path, of any user and behind any links. It reports whether the
// file is trusted, as [CheckTrusted] has it.
func (u User) OpenRegular(path string) (d Descriptor, isTrusted bool, err error) {
	d, st, err := regular(syscall.Open(path, fileFlags, 0))
	return d, err == nil && checkStat(&st, trusted, int(u)) == nil, err
}

// IsIn reports whether d has a file of that name, and whether that is certain.
func (d Descriptor) IsIn(name string) (there, certain bool) {
	f, err := syscall.Openat(int(d), name, fileFlags|syscall.O_NOFOLLOW, 0)
	if err == nil {
		Descriptor(f).Close()
	}
	return err == nil, err == nil || err == syscall.ENOENT
}

// Close closes d; one that could not be opened, too.
func (d Descriptor) Close() {
	if d >= 0 {
		_ = syscall.Close(int(d))
	}
}

// regular looks at what was opened, which must be a regular file.
func regular(fd int, err error) (Descriptor, syscall.Stat_t, error) {
	var st syscall.Stat_t
	if err != nil {
		return -1, st, err
	}
	if err = syscall.Fstat(fd, &st); err == nil && st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		err = refuse(NotRegular, "not a regular file")
	}
	if err != nil {
		Descriptor(fd).Close()
		return -1, st, err
	}
	return Descriptor(fd), st, nil
}

// Fill reads until buf is full or the file ends.
func (d Descriptor) Fill(buf []byte) (n int, err error) {
	for n < len(buf) {
		got, err := syscall.Read(int(d), buf[n:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return n, err
		}
		if got <= 0 {
			break
		}
		n += got
	}
	return n, nil
}
