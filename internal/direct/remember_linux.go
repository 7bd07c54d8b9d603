package direct

import (
	"os"
	"strconv"
	"syscall"
	"time"
)

// settled is how long before it was looked at a file must have been changed last. A later
// change then shows in its times, whose steps are those of the kernel's tick, 10 ms at most;
// settledCoarse is for file systems that keep whole seconds.
const (
	settled       = 20 * time.Millisecond
	settledCoarse = 2 * time.Second
)

// Look notes the state of a file before it is read, and whether it has been still for long
// enough for a later change to show.
func Look(path string) (f File, still bool) {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return File{Path: path}, true
	}
	need := settled
	if st.Ctim.Nsec == 0 {
		need = settledCoarse
	}
	changed := time.Unix(st.Ctim.Unix())
	return File{Path: path, State: pack(&st)}, time.Now().Round(0).Sub(changed) > need
}

// Remember notes that args were answered with the record of n.Key, for the next run. It
// does nothing where that cannot be done safely, and its failures do not matter.
func Remember(dir string, args []string, n Note) {
	if dir == "" || dir != Dir() || os.Getenv(OffVariable) != "" || os.Getenv(chainVariable) != "" || !private(dir) {
		return
	}
	r, ok := readRecord(readOwn(dir+"/"+n.Key+".cred", 64<<10))
	if !ok {
		return
	}
	n.Inputs = r.inputs
	// What decides without being asked for: where the home is, who the user is, and what
	// this program does with it all.
	for _, v := range []string{"HOME", "USER", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"} {
		n.Variables = append(n.Variables, NewVariable(v, os.Getenv(v)))
	}
	for _, path := range []string{"/proc/self/exe", "/etc/passwd"} {
		f, still := Look(path)
		if !still {
			return
		}
		n.Files = append(n.Files, f)
	}
	data := n.encode()
	if len(data) > maxNote {
		return
	}
	// A process makes one note, and the file is made exclusively: no randomness is needed,
	// which would bring in packages that are initialised late.
	temp := dir + "/.tmp-direct-" + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(temp, dir+"/"+name(args, os.Geteuid()))
	}
	if err != nil {
		_ = os.Remove(temp)
	}
}
