package safefile

import (
	"io/fs"
	"os"
)

// CheckRewrite refuses a file that [Rewrite] could not replace without a trace: what is no regular
// file, is another user's, or has a second name.
func CheckRewrite(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return refuse(NotRegular, "not a regular file")
	}
	return check(info, rule{oneName: true})
}

// Rewrite puts data into the file with that name in dir at once, as [Write] does, with the mode that is given. On Windows a mode
// that is the user's alone makes the file private; else it has the access list of the file that was there, and where there was
// none what the directory gives to its files. It loses nothing to a power cut.
func Rewrite(dir *os.Root, name string, data []byte, mode fs.FileMode) error {
	create := func(dir *os.Root, temp string) (*os.File, error) { return createLike(dir, temp, name, mode) }
	return write(dir, name, data, Durable, create, func(temp, name string) error {
		if err := dir.Chmod(temp, mode.Perm()); err != nil {
			return err
		}
		return Rename(dir, temp, name)
	})
}
