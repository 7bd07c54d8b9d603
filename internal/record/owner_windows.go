package record

// otherOwner is "": Windows has no root.
func otherOwner(string) string { return "" }
