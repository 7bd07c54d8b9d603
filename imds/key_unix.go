//go:build unix

package imds

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func loadOrCreateKey(dir string) ([]byte, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("imds: cannot make a directory for the key: %w", err)
	}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("imds: cannot use %s for the key (it must be a directory and not a link): %w", dir, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("imds: cannot look at %s: %w", dir, err)
	}
	if int(st.Uid) != os.Geteuid() || st.Mode&0o077 != 0 {
		return nil, fmt.Errorf("imds: %s must belong to this user and be closed to others: chmod 700 it, or give another directory", dir)
	}
	key, err := readKey(fd, dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKey(fd, dir); err != nil {
			return nil, err
		}
		key, err = readKey(fd, dir) // perhaps that of another process, which was quicker
	}
	return key, err
}

func readKey(dirfd int, dir string) ([]byte, error) {
	path := filepath.Join(dir, keyFile)
	// O_NONBLOCK, or a FIFO in the key's place would hold us for ever.
	fd, err := unix.Openat(dirfd, keyFile, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("imds: cannot open the key %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("imds: cannot look at the key %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || int(st.Uid) != os.Geteuid() || st.Mode&0o7777 != 0o600 || st.Nlink != 1 || st.Size != KeySize {
		return nil, fmt.Errorf("imds: the key %s must be a plain file of %d bytes, mode 0600, with one name, of this user: remove it, and a new one is made", path, KeySize)
	}
	key := make([]byte, KeySize)
	if _, err := io.ReadFull(f, key); err != nil {
		return nil, fmt.Errorf("imds: cannot read the key %s: %w", path, err)
	}
	return key, nil
}

// createKey writes a key beside its place and links it in, which fails if there is one by now.
func createKey(dirfd int, dir string) error {
	temp := tempKeyName()
	fd, err := unix.Openat(dirfd, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("imds: cannot write a key in %s: %w", dir, err)
	}
	defer unix.Unlinkat(dirfd, temp, 0)
	f := os.NewFile(uintptr(fd), filepath.Join(dir, temp))
	_, err = f.Write(NewKey())
	if err == nil {
		err = f.Chmod(0o600) // whatever the umask took away
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = unix.Linkat(dirfd, temp, dirfd, keyFile, 0)
		if errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("imds: cannot write a key in %s: %w", dir, err)
	}
	return nil
}
