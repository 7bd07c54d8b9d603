//go:build !otheros

package harness

// systemTags are the build tags by which the binary goes without what only Linux has: see OnlyLinux.
const systemTags = ""
