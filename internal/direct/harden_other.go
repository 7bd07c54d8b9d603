//go:build !linux || otheros

package direct

// Harden does nothing here.
func Harden() {}

// Soften has nothing to give back here.
func Soften() {}
