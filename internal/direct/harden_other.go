//go:build !linux

package direct

// Harden does nothing here.
func Harden() {}

// Soften has nothing to give back here.
func Soften() {}
