//go:build !linux || otheros

package audit

import "os"

// Caller is the process that started this one. Its program is not known here.
func Caller() (pid int, program string) { return os.Getppid(), "" }
