package keystore

const systemName = "Windows' credential store"

// noSystemStore is "": every system has one.
func noSystemStore(func(string) string) string { return "" }
