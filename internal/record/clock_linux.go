//go:build !otheros

package record

import (
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// bootID names the boot: random, made by the kernel. It is read without package os, which would
// start the runtime's poller for it.
var bootID = sync.OnceValue(func() string {
	fd, err := syscall.Open("/proc/sys/kernel/random/boot_id", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = syscall.Close(fd) }()
	var buf [64]byte
	n, err := syscall.Read(fd, buf[:])
	if err != nil {
		return ""
	}
	return trimRight(string(buf[:n]), '\n')
})

// BootClock is the time since the machine was started, suspend included, and the name of the
// boot; 0 and "" where there is no such clock.
func BootClock() (time.Duration, string) {
	const clockBoottime = 7 // CLOCK_BOOTTIME, clock_gettime(2)
	var ts syscall.Timespec
	// It never waits, so the scheduler need not hear of it.
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, ""
	}
	return time.Duration(ts.Nano()), bootID()
}
