//go:build !otheros

package imds

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// sandboxed says why the processes of user uid that hold the socket with this inode are not known to be ones like
// this process: in its user and mount namespaces, and so in no container and no sandbox. It reads /proc once, some
// milliseconds for a few hundred processes.
func sandboxed(inode, uid uint32) string {
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return "/proc cannot be read: " + err.Error()
	}
	socket := fmt.Sprintf("socket:[%d]", inode)
	found := false
	for _, p := range procs {
		dir := "/proc/" + p.Name()
		if _, err := strconv.Atoi(p.Name()); err != nil || !holds(dir, socket, uid) {
			continue
		}
		found = true
		for _, ns := range []string{"/ns/user", "/ns/mnt"} {
			ours, err := os.Readlink("/proc/self" + ns)
			if theirs, terr := os.Readlink(dir + ns); err != nil || terr != nil || ours != theirs {
				return "the process is in a container or sandbox of the server's own user; run it as a user of its own that is allowed, or give it the bearer token"
			}
		}
	}
	if !found {
		return "the process behind the connection cannot be found"
	}
	return ""
}

// holds reports whether a process of this user has the socket open. The owner of the files in /proc may be root
// where a process made itself undumpable; its descriptors cannot be read then.
func holds(dir, socket string, uid uint32) bool {
	st, err := os.Stat(dir)
	if err != nil {
		return false
	}
	if owner := st.Sys().(*syscall.Stat_t).Uid; owner != uid && owner != 0 {
		return false
	}
	fds, err := os.ReadDir(dir + "/fd")
	if err != nil {
		return false
	}
	for _, fd := range fds {
		if to, err := os.Readlink(dir + "/fd/" + fd.Name()); err == nil && to == socket {
			return true
		}
	}
	return false
}
