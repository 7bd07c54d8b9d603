//go:build unix

package settings

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"github.com/sts-helper/sts-helper/internal/display"
)

// openFlags keep an open from waiting for the other end of a FIFO.
const openFlags = syscall.O_NONBLOCK

func notDirectory(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// exposed says why somebody else could have written the file, and the command that mends
// it; "" where only its owner, who is us or root, can write it.
func exposed(path string, info fs.FileInfo) (why, do string) {
	if info == nil || !info.Mode().IsRegular() {
		return "", ""
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		if uid := os.Getuid(); int(st.Uid) != uid && st.Uid != 0 {
			return "belongs to uid " + strconv.Itoa(int(st.Uid)) + ", who could change what is asked of STS",
				"run: chown " + strconv.Itoa(uid) + " " + display.ShellWord(path)
		}
	}
	if info.Mode().Perm()&0o022 != 0 {
		return "can be written by others (mode " + strconv.FormatUint(uint64(info.Mode().Perm()), 8) + ")",
			"run: chmod go-w " + display.ShellWord(path)
	}
	return "", ""
}
