package safefile

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// withoutModes reports whether the file system of a file keeps no access lists.
func withoutModes(path string) bool {
	root := volume(path)
	var flags uint32
	return root != nil && windows.GetVolumeInformation(root, nil, 0, nil, nil, &flags, nil, 0) == nil && flags&windows.FILE_PERSISTENT_ACLS == 0
}

// NetworkFileSystem is the kind of file system of another machine that path is on, "" where it is local or not known.
func NetworkFileSystem(path string) string {
	if root := volume(path); root != nil && windows.GetDriveType(root) == windows.DRIVE_REMOTE {
		return "a network drive"
	}
	return ""
}

// volume is the root of the drive or share that path is on, nil where it cannot be.
func volume(path string) *uint16 {
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(path) + `\`)
	if err != nil {
		return nil
	}
	return root
}
