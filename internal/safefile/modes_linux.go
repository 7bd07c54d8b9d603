//go:build !otheros

package safefile

import "syscall"

// withoutModes reports whether the file system of a file has no modes of its own: it is one of
// Windows (9p, by which WSL mounts it) or of a host (vboxsf, vmhgfs).
func withoutModes(path string) bool {
	const v9fs, vboxsf, vmhgfs = 0x01021997, 0x786f4256, 0xbacbacbc // statfs(2)
	var st syscall.Statfs_t
	if syscall.Statfs(path, &st) != nil {
		return false
	}
	switch uint32(st.Type) { // a signed number, of 32 bits on some machines
	case v9fs, vboxsf, vmhgfs:
		return true
	}
	return false
}

// NetworkFileSystem is the kind of file system of another machine that path is on, "" where it is local or not known.
func NetworkFileSystem(path string) string {
	var st syscall.Statfs_t
	if syscall.Statfs(path, &st) != nil {
		return ""
	}
	switch uint32(st.Type) { // statfs(2), linux/magic.h
	case 0x6969:
		return "NFS"
	case 0xff534d42, 0xfe534d42, 0x517b:
		return "SMB"
	case 0x564c:
		return "NCP"
	case 0x73757245:
		return "Coda"
	case 0x5346414f:
		return "AFS"
	case 0x00c36400:
		return "Ceph"
	case 0x47504653:
		return "GPFS"
	case 0x0bd00bd0:
		return "Lustre"
	}
	return ""
}
