//go:build unix

package safefile

import "io/fs"

func bad(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }
