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
