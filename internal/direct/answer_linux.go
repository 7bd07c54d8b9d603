package direct

import (
	"encoding/binary"
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// OffVariable turns direct answers off when it is set: none is given and none is noted.
const OffVariable = "STS_HELPER_NO_DIRECT"

// chainVariable is provider.ChainVariable: a helper below another one looks for itself.
const chainVariable = "STS_HELPER_CHAIN"

func init() {
	if len(os.Args) < 2 || !strings.HasPrefix(os.Args[1], "--") || os.Getenv(OffVariable) != "" || os.Getenv(chainVariable) != "" {
		return
	}
	const setDumpable = 4 // PR_SET_DUMPABLE, as package main does it: secrets come into memory now
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setDumpable, 0, 0)
	document := answer(Dir(), os.Args)
	if document == nil || nowhere() {
		return
	}
	if n, err := os.Stdout.Write(document); err != nil || n != len(document) {
		os.Stderr.WriteString("sts-helper: the credentials could not be written\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// The default cache below the user's cache directory, and the folder of records in it. Names
// are put together by hand: path/filepath is initialised later than the SDK's first packages.
const (
	root    = "/sts-helper"
	version = "/v1"
)

// Dir is the folder of the default cache that notes and records are in, "" where there is
// none.
func Dir() string {
	dir := os.Getenv("XDG_CACHE_HOME")
	if !strings.HasPrefix(dir, "/") {
		home := os.Getenv("HOME")
		if !strings.HasPrefix(home, "/") || home == "/" {
			return ""
		}
		dir = home + "/.cache"
	}
	return strings.TrimRight(dir, "/") + root + version
}

// answer is the document that answers args, nil where that is not certain.
func answer(dir string, args []string) []byte {
	if dir == "" || !private(strings.TrimSuffix(dir, version)) || !private(dir) {
		return nil
	}
	data := readOwn(dir+"/"+name(args, os.Geteuid()), maxNote)
	if data == nil {
		return nil
	}
	note, err := decode(data)
	if err != nil || !note.holds() {
		return nil
	}
	r, ok := readRecord(readOwn(dir+"/"+note.Key+".cred", 64<<10))
	if !ok || r.inputs != note.Inputs {
		return nil
	}
	boot, bootID := bootClock()
	if !r.fresh(time.Now().Round(0), boot, bootID) {
		return nil
	}
	return r.document()
}

// holds reports whether nothing that was noted has changed.
func (n *Note) holds() bool {
	for _, v := range n.Variables {
		if NewVariable(v.Name, os.Getenv(v.Name)) != v {
			return false
		}
	}
	if n.Dir != "" {
		if dir, err := os.Getwd(); err != nil || dir != n.Dir {
			return false
		}
	}
	for _, f := range n.Files {
		if stateOf(f.Path) != f.State {
			return false
		}
	}
	return true
}

// stateSize is the size of a file's state: device, inode, mode, owner, size, and the times of
// the last change of content and of inode, the latter of which nobody can set.
const stateSize = 8 * 8

func stateOf(path string) (state [stateSize]byte) {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return state
	}
	return pack(&st)
}

func pack(st *syscall.Stat_t) (state [stateSize]byte) {
	for i, v := range []int64{int64(st.Dev), int64(st.Ino), int64(st.Mode), int64(st.Uid), st.Size, st.Mtim.Nano(), st.Ctim.Nano(), 1} {
		binary.BigEndian.PutUint64(state[8*i:], uint64(v))
	}
	return state
}

// private reports whether path is a directory of ours that nobody else may enter.
func private(path string) bool {
	var st syscall.Stat_t
	return syscall.Lstat(path, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFDIR &&
		int(st.Uid) == os.Geteuid() && st.Mode&0o077 == 0
}

// readOwn reads a plain file of ours that nobody else may use and that is not too large; nil
// otherwise.
func readOwn(path string, most int64) []byte {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = syscall.Close(fd) }()
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFREG || int(st.Uid) != os.Geteuid() ||
		st.Nlink != 1 || st.Mode&0o077 != 0 || st.Size > most {
		return nil
	}
	data := make([]byte, st.Size+1)
	n, err := syscall.Read(fd, data)
	if err != nil || int64(n) != st.Size {
		return nil
	}
	return data[:n]
}

// bootClock is the time since the machine's start, suspend included, and the name of the boot.
func bootClock() (time.Duration, string) {
	const clockBoottime = 7
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, ""
	}
	fd, err := syscall.Open("/proc/sys/kernel/random/boot_id", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = syscall.Close(fd) }()
	var buf [64]byte
	n, err := syscall.Read(fd, buf[:])
	if err != nil {
		return 0, ""
	}
	return time.Duration(ts.Nano()), strings.TrimSpace(string(buf[:n]))
}

// nowhere reports whether standard output may have been closed: Go's runtime puts the null
// device in its place, for reading and writing. The ordinary way finds the words.
func nowhere() bool {
	var out, null syscall.Stat_t
	if syscall.Fstat(1, &out) != nil {
		return true
	}
	return syscall.Stat(os.DevNull, &null) == nil && out.Rdev == null.Rdev && out.Mode&syscall.S_IFMT == syscall.S_IFCHR
}
