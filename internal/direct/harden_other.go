//go:build !linux

package direct

// Harden does nothing here.
func Harden() {}
