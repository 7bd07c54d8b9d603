//go:build unix

package safefile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Kubernetes gives a volume of a pod with fsGroup to that group, with everything in it, each time that it mounts it:
// directories get g+rwxs and files g+rw (kubelet, pkg/volume/volume_linux.go, changeFilePermission). A private directory
// is then 2770, and nothing else about it has changed.
const (
	groupBits   = 0o070
	groupMarked = syscall.S_ISGID | groupBits
)

// maxVolumeDepth bounds how far RepairVolume goes down, and maxVolumeParents how far up.
const (
	maxVolumeDepth   = 8
	maxVolumeParents = 64
)

// RepairVolume makes the private directory at path private again, with the files and directories in it, where
// nothing but what Kubernetes does for fsGroup is wrong with it: it belongs to this user, no user outside of its group
// may use it, and it is in a volume that belongs to the same group as a whole. In a volume only files and directories
// of this user are changed, and links are never followed. It gives how many were; 0 where it is not such a directory.
func RepairVolume(path string) int {
	named, err := os.Lstat(path)
	if err != nil || !named.IsDir() {
		return 0
	}
	st, ok := named.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) != os.Geteuid() || st.Mode&0o7777 != groupMarked|0o700 || !inVolumeOfGroup(path, st) {
		return 0
	}
	root, err := openDir(path, func(opened fs.FileInfo) error {
		if !os.SameFile(named, opened) {
			return errReplaced
		}
		return nil
	})
	if err != nil {
		return 0
	}
	defer func() { _ = root.Close() }()
	return takeFromGroup(root, st.Gid, maxVolumeDepth)
}

// inVolumeOfGroup reports whether the topmost directory of the file system that path is on, as far as it can be seen
// from here, bears the same group's marks. That of the machine, or of a container, is no volume.
func inVolumeOfGroup(path string, at *syscall.Stat_t) bool {
	top := *at
	for range maxVolumeParents {
		var up syscall.Stat_t
		path += "/.."
		if syscall.Stat(path, &up) != nil || up.Dev == top.Dev && up.Ino == top.Ino { // "/" is its own parent
			return false
		}
		if up.Dev != top.Dev {
			return top.Mode&groupMarked == groupMarked && top.Gid == at.Gid
		}
		top = up
	}
	return false
}

// takeFromGroup takes the group's access from what is in dir, and then from dir, so that a run that is cut short is
// repeated by the next.
func takeFromGroup(dir *os.Root, gid uint32, depth int) (changed int) {
	self, err := dir.Open(".")
	if err != nil {
		return 0
	}
	defer func() { _ = self.Close() }()
	names, err := self.Readdirnames(-1)
	if err != nil {
		return 0
	}
	for _, name := range names {
		info, err := dir.Lstat(name)
		if err != nil || !ofGroup(info, gid) {
			continue
		}
		switch {
		case info.IsDir() && depth > 0:
			if sub, err := openSame(dir, name, info); err == nil {
				changed += takeFromGroup(sub, gid, depth-1)
				_ = sub.Close()
			}
		case info.Mode().IsRegular():
			if takeFromFile(dir, name, info) == nil {
				changed++
			}
		}
	}
	if self.Chmod(0o700) == nil {
		changed++
	}
	return changed
}

// ofGroup reports whether it is this user's, no user outside of the group may use it, and the group may.
func ofGroup(info fs.FileInfo, gid uint32) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) != os.Geteuid() || st.Gid != gid || st.Mode&0o007 != 0 {
		return false
	}
	if info.IsDir() {
		return st.Mode&groupMarked == groupMarked
	}
	return st.Nlink == 1 && st.Mode&groupBits != 0 && st.Mode&(syscall.S_ISUID|syscall.S_ISGID|syscall.S_ISVTX) == 0
}

var errOther = errors.New("another file")

// openSame opens a directory of dir, which must be the one that info is about: an [os.Root] follows links that stay in it.
func openSame(dir *os.Root, name string, info fs.FileInfo) (*os.Root, error) {
	sub, err := dir.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	if opened, err := sub.Stat("."); err != nil || !os.SameFile(info, opened) {
		_ = sub.Close()
		return nil, errOther
	}
	return sub, nil
}

func takeFromFile(dir *os.Root, name string, info fs.FileInfo) error {
	f, err := dir.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	opened, err := f.Stat()
	if err != nil || !os.SameFile(info, opened) {
		return errOther
	}
	return f.Chmod(opened.Mode().Perm() &^ groupBits)
}
