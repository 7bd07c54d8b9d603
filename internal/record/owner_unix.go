//go:build unix

package record

import (
	"strconv"
	"syscall"
)

// otherOwner is the user that a directory belongs to, where this process runs as root and that is
// another one; else "".
func otherOwner(dir string) string {
	if syscall.Geteuid() != 0 {
		return ""
	}
	var st syscall.Stat_t
	if syscall.Stat(dir, &st) != nil || st.Uid == 0 {
		return ""
	}
	return strconv.Itoa(int(st.Uid))
}
