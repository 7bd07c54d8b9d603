//go:build unix && !linux

package safefile

// inUserNamespace is false: only Linux has them.
func inUserNamespace() bool { return false }
