//go:build unix

package child

import _ "unsafe" // for go:linkname

// afterForkInChild readies a thread for execve(2) as package syscall does after fork(2): it gives the thread
// the signal mask with which the process was started, parts of which Go's runtime takes away for good
// (SIGTERM, SIGINT and others are unblocked), and puts handlers at their default. gVisor uses it
// in the same way; the runtime keeps it for that.
//
//go:linkname afterForkInChild syscall.runtime_AfterForkInChild
func afterForkInChild()
