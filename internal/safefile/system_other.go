//go:build unix && (!linux || otheros)

package safefile

// inUserNamespace is false: only Linux has them.
func inUserNamespace() bool { return false }
