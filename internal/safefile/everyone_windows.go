package safefile

import "io/fs"

// bad is false: modes of files mean nothing on Windows.
func bad(fs.FileInfo) bool { return false }

func octal(fs.FileMode) string { return "" }
