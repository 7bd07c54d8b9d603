//go:build unix

package lock

import "syscall"

// A link in the lock's place could make another file ours to create, and a FIFO could make
// open wait for ever.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_CLOEXEC
