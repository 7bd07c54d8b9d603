//go:build !linux

package safefile

func withoutModes(string) bool { return false }
