package mfa

import "golang.org/x/sys/windows"

// DiscardInput throws away what was typed at a console and not read yet: half a secret, which the
// next program would take for its own and show.
func DiscardInput(console uintptr) { _ = windows.FlushConsoleInputBuffer(windows.Handle(console)) }

// HideInput has a console show nothing of what is typed from here on.
func HideInput(console uintptr) {
	var mode uint32
	if windows.GetConsoleMode(windows.Handle(console), &mode) == nil {
		_ = windows.SetConsoleMode(windows.Handle(console), mode&^windows.ENABLE_ECHO_INPUT)
	}
}
