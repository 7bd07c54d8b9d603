//go:build unix

package safefile

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// openFlags keep an open from waiting for the other end of a FIFO and from making a terminal
// this process's own.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

func check(info fs.FileInfo, r rule) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return refuse(OwnerUnknown, "owner unknown")
	}
	if seen := *st; info.IsDir() && info.Mode().Perm()&0o020 == 0 { // as a caller wants it seen whom the group is no other
		seen.Mode &^= 0o020
		st = &seen
	}
	return checkStat(st, r, os.Geteuid())
}

// checkStat is check for that user.
func checkStat(st *syscall.Stat_t, r rule, user int) error {
	if r.rootOnly {
		if err := checkRoot(st); err != nil {
			return err
		}
	} else if int(st.Uid) != user && (!r.rootToo || st.Uid != 0) {
		return refuse(OtherOwner, "belongs to uid "+strconv.Itoa(int(st.Uid))+", not to you (uid "+strconv.Itoa(user)+")")
	}
	mode := fs.FileMode(st.Mode & 0o7777) // with the set-id bits, which Perm leaves out
	if st.Mode&syscall.S_IFMT == syscall.S_IFDIR {
		mode = mode.Perm() // where they mean something else
	} else if r.oneName && st.Nlink > 1 { // an open file with no name at all was replaced since, which is no harm
		return refuse(HardLinked, "has more than one hard link")
	}
	if mode&r.forbidden != 0 {
		return refuse(r.kind, r.text+" (mode "+octal(mode)+")")
	}
	return nil
}

// CheckOthers refuses what users other than its owner may use, or with write what they may change. The text of the
// refusal is only what lets them: the mode, on Windows who it is.
func CheckOthers(info fs.FileInfo, write bool) error {
	kind, mask := OthersMayUse, fs.FileMode(0o077)
	if write {
		kind, mask = OthersMayWrite, 0o022
	}
	if info.Mode()&mask == 0 {
		return nil
	}
	return refuse(kind, "mode "+octal(info.Mode().Perm()))
}

func octal(mode fs.FileMode) string {
	s := strconv.FormatUint(uint64(mode), 8)
	return "0000"[min(len(s), 4):] + s
}
