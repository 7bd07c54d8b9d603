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
	return st.Type == v9fs || st.Type == vboxsf || st.Type == vmhgfs
}

// networkSystems are file systems of other machines, by their magic numbers (statfs(2), linux/magic.h).
var networkSystems = map[uint32]string{
	0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB", 0x517b: "SMB", 0x564c: "NCP", 0x73757245: "Coda", 0x5346414f: "AFS",
	0x00c36400: "Ceph", 0x47504653: "GPFS", 0x0bd00bd0: "Lustre",
}

// NetworkFileSystem is the kind of file system of another machine that path is on, "" where it is local or not known.
func NetworkFileSystem(path string) string {
	var st syscall.Statfs_t
	if syscall.Statfs(path, &st) != nil {
		return ""
	}
	return networkSystems[uint32(st.Type)]
}
