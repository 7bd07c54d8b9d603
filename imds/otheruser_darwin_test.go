package imds_test

import "syscall"

// inSandbox does nothing: macOS has no namespaces.
func inSandbox(*syscall.SysProcAttr, int) {}
