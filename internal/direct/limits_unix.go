//go:build unix

package direct

import (
	"os"
	"strconv"
	"syscall"
)

const (
	// neededFiles is how many more files than at its start this process opens at once: those of
	// the cache, a connection, and what Go's runtime waits for them with, which ends the process
	// with its stack where it cannot be had.
	neededFiles = 8
	// ampleFiles is a limit with which nothing is counted.
	ampleFiles = 128
)

// checkLimits ends the process where it may not open as many files as it needs.
func checkLimits() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || uint64(limit.Cur) >= ampleFiles || freeFiles() >= neededFiles {
		return
	}
	os.Stderr.WriteString("sts-helper: too few files may be open at once: this process starts with " + strconv.FormatUint(uint64(limit.Cur), 10) +
		" (ulimit -n), some of them open already, and needs " + strconv.Itoa(neededFiles) + " more; run: ulimit -n " + strconv.Itoa(ampleFiles) + "\n")
	os.Exit(3) // failure.Configuration
}

// freeFiles is how many more files can be opened, neededFiles at most.
func freeFiles() (n int) {
	var opened [neededFiles]int
	for ; n < neededFiles; n++ {
		fd, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			break
		}
		opened[n] = fd
	}
	for _, fd := range opened[:n] {
		_ = syscall.Close(fd)
	}
	return n
}
