//go:build !otheros

package direct

import "syscall"

// coreLimit is the limit of core files as this process found it, nil before [Harden].
var coreLimit *syscall.Rlimit

// Harden keeps the memory of this process from other processes of the same user and from
// core files. Failures do not matter: the credentials are as safe as the user's files.
func Harden() {
	hideMemory()
	var found syscall.Rlimit
	if coreLimit != nil || syscall.Getrlimit(syscall.RLIMIT_CORE, &found) != nil {
		return
	}
	coreLimit = &found
	// The hard limit stays: without privileges it could not be raised again, see Soften.
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Max: found.Max})
}

// hideMemory is what Harden does about this process itself: one that is not dumpable has no core file either.
func hideMemory() {
	const setDumpable = 4 // PR_SET_DUMPABLE, prctl(2); execve sets it anew
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setDumpable, 0, 0)
}

// Soften gives back the limit of core files that [Harden] found, for a program that takes the place of
// this process and inherits its limits. The memory of this process stays as it is.
func Soften() {
	if coreLimit != nil {
		_ = syscall.Setrlimit(syscall.RLIMIT_CORE, coreLimit)
	}
}
