package safefile

import "io/fs"

const openFlags = 0

func check(fs.FileInfo, rule) error { return nil }
