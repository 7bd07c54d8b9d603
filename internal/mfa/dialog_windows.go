package mfa

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sts-helper/sts-helper/internal/await"
	"github.com/sts-helper/sts-helper/internal/display"
)

var (
	user32                   = windows.NewLazySystemDLL("user32.dll")
	dialogBoxIndirectParam   = user32.NewProc("DialogBoxIndirectParamW")
	endDialog                = user32.NewProc("EndDialog")
	getDlgItemText           = user32.NewProc("GetDlgItemTextW")
	sendDlgItemMessage       = user32.NewProc("SendDlgItemMessageW")
	postMessage              = user32.NewProc("PostMessageW")
	getProcessWindowStation  = user32.NewProc("GetProcessWindowStation")
	getUserObjectInformation = user32.NewProc("GetUserObjectInformationW")
)

// windowBox is a dialog of our own process.
type windowBox struct{}

// findInputBox refuses where the process's window station is not the one that is seen: in a service, or
// behind an SSH server, a window would wait where nothing can answer it.
func findInputBox() (inputBox, error) {
	const uoiFlags, wsfVisible = 1, 1
	var flags struct{ inherit, reserved, flags uint32 } // USEROBJECTFLAGS
	station, _, _ := getProcessWindowStation.Call()
	ok, _, _ := getUserObjectInformation.Call(station, uoiFlags, uintptr(unsafe.Pointer(&flags)), unsafe.Sizeof(flags), 0)
	if station == 0 || ok == 0 || flags.flags&wsfVisible == 0 {
		return nil, errors.New("this session has no visible desktop")
	}
	return windowBox{}, nil
}

func (windowBox) name() string { return "window" }

// ask shows the dialog on a thread of its own, since a window belongs to its thread. It returns when ctx
// ends, whatever the window does then.
func (windowBox) ask(ctx context.Context, title, text string, _ time.Duration) (string, error) {
	w := &window{ctx: ctx}
	typed, err := await.Call(ctx, func() (string, error) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		return w.run(title, text)
	})
	if ctx.Err() != nil {
		w.close()
		return "", ctx.Err()
	}
	return typed, err
}

// Identifiers and messages of winuser.h.
const (
	idOK, idCancel  = 1, 2
	idText, idInput = 100, 101

	wmInitDialog = 0x0110
	wmCommand    = 0x0111
	emLimitText  = 0x00c5
)

// maxTyped bounds what can be typed, in UTF-16 units: six digits, and blanks among them.
const maxTyped = 64

// window is one dialog.
type window struct {
	ctx    context.Context
	handle atomic.Uintptr
	typed  string
}

// windows that are open: by number before they have a handle, then by handle.
var (
	openWindows sync.Map
	lastWindow  atomic.Uintptr
	// dialogProc is made once: the runtime never frees a callback.
	dialogProc = sync.OnceValue(func() uintptr { return windows.NewCallback(handleMessage) })
)

// run shows the window until it is answered or closed.
func (w *window) run(title, text string) (string, error) {
	var module windows.Handle
	if err := windows.GetModuleHandleEx(0, nil, &module); err != nil {
		return "", fmt.Errorf("%w: dialog: %s", ErrProcess, display.Innermost(err))
	}
	template, err := dialogTemplate(title, text)
	if err != nil {
		return "", fmt.Errorf("%w: dialog: %s", ErrProcess, display.Innermost(err))
	}
	number := lastWindow.Add(1)
	openWindows.Store(number, w)
	defer openWindows.Delete(number)
	answer, _, err := dialogBoxIndirectParam.Call(uintptr(module), uintptr(unsafe.Pointer(&template[0])), 0, dialogProc(), number)
	openWindows.Delete(windowKey(w.handle.Load()))
	switch answer {
	case idOK:
		return w.typed, nil
	case idCancel:
		return "", errClosedDialog
	}
	return "", fmt.Errorf("%w: the dialog cannot be shown: %s", ErrProcess, display.Innermost(err))
}

// windowKey is the key of an open window with that handle.
type windowKey uintptr

// close ends the dialog from another thread, as its Cancel button does.
func (w *window) close() {
	if h := w.handle.Load(); h != 0 {
		_, _, _ = postMessage.Call(h, wmCommand, idCancel, 0)
	}
}

// handleMessage is the dialog's procedure (DLGPROC): 1 for a message that it dealt with.
func handleMessage(handle, message, w, l uintptr) uintptr {
	switch message {
	case wmInitDialog:
		v, ok := openWindows.Load(l)
		if !ok {
			return 0
		}
		this := v.(*window)
		openWindows.Store(windowKey(handle), this)
		this.handle.Store(handle)
		if this.ctx.Err() != nil { // it ended before close knew the handle
			_, _, _ = endDialog.Call(handle, idCancel)
		}
		_, _, _ = sendDlgItemMessage.Call(handle, idInput, emLimitText, maxTyped, 0)
		return 1 // the focus goes to the first control that takes it: the input
	case wmCommand:
		id := w & 0xffff
		v, ok := openWindows.Load(windowKey(handle))
		if !ok || id != idOK && id != idCancel {
			return 0
		}
		if id == idOK {
			var buf [maxTyped + 1]uint16
			_, _, _ = getDlgItemText.Call(handle, idInput, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
			v.(*window).typed = windows.UTF16ToString(buf[:])
			clear(buf[:])
		}
		_, _, _ = endDialog.Call(handle, id)
		return 1
	}
	return 0
}

// Styles of winuser.h.
const (
	wsPopup, wsCaption, wsSysMenu                       = 0x80000000, 0x00c00000, 0x00080000
	wsChild, wsVisible, wsBorder, wsTabStop             = 0x40000000, 0x10000000, 0x00800000, 0x00010000
	wsExTopmost, wsExAppWindow                          = 0x00000008, 0x00040000
	dsModalFrame, dsCenter, dsSetForeground             = 0x0080, 0x0800, 0x0200
	dsShellFont                                         = 0x0048
	ssNoPrefix, esAutoHScroll, bsPush, bsDefPush        = 0x0080, 0x0080, 0x0000, 0x0001
	classButton, classEdit, classStatic          uint16 = 0x0080, 0x0081, 0x0082
)

// dialogTemplate lays the window out as DialogBoxIndirectParam reads it: a DLGTEMPLATE, then a
// DLGITEMTEMPLATE for each control, in dialog units (a quarter of a character's width, an eighth of its
// height). It consists of 32-bit words because both must be aligned to them.
func dialogTemplate(title, text string) ([]uint32, error) {
	const (
		width, margin, line = 260, 7, 8
		characters          = 54 // in a line of the text, about
		buttonW, buttonH    = 50, 14
	)
	lines := 0
	for l := range strings.SplitSeq(text, "\n") {
		lines += 1 + len(l)/characters
	}
	textH := lines * line
	inputY := margin + textH + margin
	buttonY := inputY + buttonH + margin

	t := template{}
	t.long(wsPopup | wsCaption | wsSysMenu | wsVisible | dsModalFrame | dsCenter | dsSetForeground | dsShellFont)
	t.long(wsExTopmost | wsExAppWindow)
	t.words(4, 0, 0, width, uint16(buttonY+buttonH+margin)) // controls; x, y, width, height
	t.words(0, 0)                                           // no menu, the usual class
	t.text(title)
	t.words(8) // points
	t.text("MS Shell Dlg")
	t.control(wsChild|wsVisible|ssNoPrefix, margin, margin, width-2*margin, textH, idText, classStatic, strings.ReplaceAll(text, "\n", "\r\n"))
	t.control(wsChild|wsVisible|wsBorder|wsTabStop|esAutoHScroll, margin, inputY, width-2*margin, buttonH, idInput, classEdit, "")
	t.control(wsChild|wsVisible|wsTabStop|bsDefPush, width-2*(buttonW+margin), buttonY, buttonW, buttonH, idOK, classButton, "OK")
	t.control(wsChild|wsVisible|wsTabStop|bsPush, width-buttonW-margin, buttonY, buttonW, buttonH, idCancel, classButton, "Cancel")
	if t.err != nil {
		return nil, t.err
	}
	t.align()
	aligned := make([]uint32, len(t.b)/2)
	copy(unsafe.Slice((*uint16)(unsafe.Pointer(&aligned[0])), len(t.b)), t.b)
	return aligned, nil
}

// template is a dialog's template in the making.
type template struct {
	b   []uint16
	err error // the first text that has a NUL
}

func (t *template) words(w ...uint16) { t.b = append(t.b, w...) }

func (t *template) long(l uint32) { t.words(uint16(l), uint16(l>>16)) }

func (t *template) text(s string) {
	u, err := windows.UTF16FromString(s)
	if err != nil && t.err == nil {
		t.err = err
	}
	t.words(u...)
}

func (t *template) align() {
	if len(t.b)%2 != 0 {
		t.words(0)
	}
}

func (t *template) control(style uint32, x, y, w, h int, id, class uint16, text string) {
	t.align()
	t.long(style)
	t.long(0)
	t.words(uint16(x), uint16(y), uint16(w), uint16(h), id, 0xffff, class)
	t.text(text)
	t.words(0) // no data of its own
}
