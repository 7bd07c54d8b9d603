//go:build unix

package safefile

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// maxLinks bounds how many links [CheckSystem] follows.
const maxLinks = 40

// CheckSystem refuses the file at path, an absolute one, about which info is what [Read] found, where another user
// than root could change it, put another in its place or remove it: it and every directory that its name leads
// through, by links too, must be root's, and writable for root alone.
func CheckSystem(path string, info fs.FileInfo) error {
	if err := check(info, system); err != nil {
		return err
	}
	at, rest := "/", elements(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		if err := checkSystemDir(at); err != nil {
			return err
		}
		if name == ".." {
			for at != "/" {
				last := at[len(at)-1]
				if at = at[:len(at)-1]; at == "" {
					at = "/"
				}
				if last == '/' {
					break
				}
			}
			continue
		}
		next := at + name
		if at != "/" {
			next = at + "/" + name
		}
		target, err := os.Readlink(next)
		if err != nil { // no link
			at = next
			continue
		}
		if links++; links > maxLinks {
			return refuse(Symlink, "its name leads through too many links")
		}
		if target != "" && target[0] == '/' {
			at = "/"
		}
		rest = append(elements(target), rest...)
	}
	return nil
}

// elements are the parts of a path between slashes. Package strings would have this one, and package
// direct with it, initialised after all of crypto.
func elements(path string) (all []string) {
	start := 0
	for i := range len(path) + 1 {
		if i == len(path) || path[i] == '/' {
			all = append(all, path[start:i])
			start = i + 1
		}
	}
	return all
}

func checkSystemDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return cause(err)
	}
	err = check(info, system)
	if r, ok := err.(*Refusal); ok {
		return refuse(r.Kind, "its directory "+dir+": "+r.text)
	}
	return err
}

func checkRoot(st *syscall.Stat_t) error {
	if st.Uid == 0 || st.Uid == nobody && inUserNamespace() {
		return nil
	}
	return refuse(OtherOwner, "belongs to uid "+strconv.Itoa(int(st.Uid))+", not to root")
}

// nobody is who owns, inside of a user namespace, the files of all users who are outside of it.
const nobody = 65534
