package direct

import "syscall"

// Harden keeps the memory of this process from other processes of the same user and from
// core files. Failures do not matter: the credentials are as safe as the user's files.
func Harden() {
	const setDumpable = 4 // PR_SET_DUMPABLE, prctl(2)
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setDumpable, 0, 0)
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}
