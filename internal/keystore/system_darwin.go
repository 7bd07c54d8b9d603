package keystore

const systemName = "the keychain"

// noSystemStore is "": every system has one.
func noSystemStore(func(string) string) string { return "" }
