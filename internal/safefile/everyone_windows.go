package safefile

import "io/fs"

// CheckNotEveryones refuses the file at path in directory, about which info is what [Read] found, where every user
// of the machine could change it, or put another in its place. Nothing is said of a file system without access lists,
// such as that of a memory card, where all files look so.
func CheckNotEveryones(path, directory string, info fs.FileInfo) error {
	err := named(directory).checkNotEveryones(everyonesDirectory, aclReplace)
	if list, ok := info.Sys().(*accessList); ok && err == nil {
		err = list.checkNotEveryones(everyonesFile, aclChange)
	}
	if err != nil && withoutModes(path) {
		return nil
	}
	return err
}
