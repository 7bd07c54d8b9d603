//go:build unix && (!linux || otheros)

package safefile

func withoutModes(string) bool { return false }

// NetworkFileSystem is the kind of file system of another machine that path is on, "" where it is local or not known.
func NetworkFileSystem(string) string { return "" }
