package mfa

import "golang.org/x/sys/windows"

// DiscardInput throws away what was typed at a console and not read yet: half a secret, which the
// next program would take for its own and show.
func DiscardInput(console uintptr) { _ = windows.FlushConsoleInputBuffer(windows.Handle(console)) }
