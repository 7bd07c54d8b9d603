package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Where clients know one address only, no other is advised.
func TestListenErrorOfAFixedAddress(t *testing.T) {
	for _, address := range []string{podListens[0], podListens[1], ecsAddress.String()} {
		for _, cause := range []error{syscall.EADDRINUSE, syscall.EACCES, syscall.EADDRNOTAVAIL} {
			text := listenError(address, fmt.Errorf("cannot listen on %q: %w", address, os.NewSyscallError("bind", cause))).Error()
			if strings.Contains(text, "another port") || strings.Contains(text, "from 1024") || cause == syscall.EADDRINUSE && !strings.Contains(text, "end that first") {
				t.Errorf("%v: %s", cause, text)
			}
		}
	}
	if text := listenError("127.0.0.1:9911", syscall.EADDRINUSE).Error(); !strings.Contains(text, "name another port with --listen") {
		t.Error(text)
	}
}
