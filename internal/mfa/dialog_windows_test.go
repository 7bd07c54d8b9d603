package mfa

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	findWindow     = user32.NewProc("FindWindowW")
	setDlgItemText = user32.NewProc("SetDlgItemTextW")
)

// answerDialog waits for the window with that title, and answers it.
func answerDialog(t *testing.T, title, typed string, button uintptr) {
	t.Helper()
	name, err := windows.UTF16PtrFromString(title)
	if err != nil {
		panic(err)
	}
	for range 3000 {
		if h, _, _ := findWindow.Call(0, uintptr(unsafe.Pointer(name))); h != 0 {
			p, err := windows.UTF16PtrFromString(typed)
			if err != nil {
				panic(err)
			}
			if ok, _, _ := setDlgItemText.Call(h, idInput, uintptr(unsafe.Pointer(p))); ok == 0 {
				time.Sleep(10 * time.Millisecond) // it has no input yet
				continue
			}
			_, _, _ = postMessage.Call(h, wmCommand, button, 0)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("no window appeared")
}

func TestWindow(t *testing.T) {
	t.Parallel()
	if _, err := findInputBox(); err != nil {
		t.Skip(err)
	}
	const text = "MFA code needed for profile dev\nthat code was refused\nsix digits"
	go answerDialog(t, "answered", "123 456", idOK)
	if typed, err := (windowBox{}).ask(t.Context(), "answered", text, 0); typed != "123 456" || err != nil {
		t.Errorf("%q, %v", typed, err)
	}
	go answerDialog(t, "closed", "123456", idCancel)
	if typed, err := (windowBox{}).ask(t.Context(), "closed", text, 0); typed != "" || !errors.Is(err, ErrCancelled) {
		t.Errorf("%q, %v", typed, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if typed, err := (windowBox{}).ask(ctx, "left alone", text, 0); typed != "" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%q, %v", typed, err)
	}
	name, err := windows.UTF16PtrFromString("left alone")
	if err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		if h, _, _ := findWindow.Call(0, uintptr(unsafe.Pointer(name))); h == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the window is still there after its time")
}

func TestDialogTemplate(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "one", "two\nlines and an odd length"} {
		words, err := dialogTemplate("title", text)
		if err != nil {
			t.Fatal(err)
		}
		if style := words[0]; style&(wsPopup|wsCaption|dsShellFont) != wsPopup|wsCaption|dsShellFont {
			t.Errorf("style %#x", style)
		}
		if controls := words[2] & 0xffff; controls != 4 {
			t.Errorf("%d controls", controls)
		}
	}
	if _, err := dialogTemplate("a\x00b", ""); err == nil {
		t.Error("a title with a NUL was taken")
	}
}

// A service and an SSH server have a window station of their own, which shows nothing: no window is opened there.
func TestNoVisibleStation(t *testing.T) {
	t.Parallel()
	var (
		create = user32.NewProc("CreateWindowStationW")
		use    = user32.NewProc("SetProcessWindowStation")
		end    = user32.NewProc("CloseWindowStation")
	)
	before, _, _ := getProcessWindowStation.Call()
	station, _, err := create.Call(0, 0, windows.GENERIC_ALL, 0)
	if station == 0 {
		t.Fatal(err)
	}
	if ok, _, err := use.Call(station); ok == 0 {
		t.Fatal(err)
	}
	box, err := findInputBox()
	_, _, _ = use.Call(before)
	_, _, _ = end.Call(station)
	if err == nil || !strings.Contains(err.Error(), "no visible desktop") {
		t.Errorf("%v, %v", box, err)
	}
}
