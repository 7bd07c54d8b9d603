//go:build unix

package safefile

import (
	"io/fs"
	"os"
)

// CheckNotEveryones refuses the file at path in directory, about which info is what [Read] found, where every user
// of the machine could change it, or put another in its place: it or its directory is writable
// for all, the directory without the sticky bit. Other tools share such files with groups, so
// that is left to their owner. Nothing is said of files of Windows seen from WSL, which all
// look so.
func CheckNotEveryones(path, directory string, info fs.FileInfo) error {
	dir, err := os.Stat(directory)
	if err != nil {
		return nil // the file was read, so this is not the one that it was read from
	}
	what := info
	if bad(dir) && dir.Mode()&fs.ModeSticky == 0 {
		what = dir
	} else if !bad(info) {
		return nil
	}
	if withoutModes(path) {
		return nil
	}
	if what == dir {
		return refuse(OthersMayWrite, everyonesDirectory+" (mode "+octal(dir.Mode().Perm())+")")
	}
	return refuse(OthersMayWrite, everyonesFile+" (mode "+octal(info.Mode().Perm())+")")
}

func bad(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }
