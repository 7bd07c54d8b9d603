//go:build unix && !darwin

package mfa

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/child"
)

// toolBox is zenity, one of its kin, or kdialog.
type toolBox struct{ tool, path string }

// findInputBox looks for a display and for a program that can show a window on it: KDE's own
// under KDE, else GNOME's. A program that PATH would give from the working folder counts as none.
func findInputBox() (inputBox, error) {
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return nil, errors.New("no display")
	}
	tools := [...]string{"zenity", "kdialog", "qarma", "matedialog"}
	if strings.Contains(os.Getenv("XDG_CURRENT_DESKTOP"), "KDE") {
		tools[0], tools[1] = tools[1], tools[0]
	}
	for _, tool := range tools {
		if path, err := findProgram(tool); err == nil {
			return toolBox{tool, path}, nil
		}
	}
	return nil, errors.New("neither zenity nor kdialog is installed")
}

func (t toolBox) name() string { return t.tool }

func (t toolBox) ask(ctx context.Context, title, text string, lasts time.Duration) (string, error) {
	// One word per option: a value can then never be taken for an option.
	args := []string{"--entry", "--title=" + title, "--text=" + strings.ReplaceAll(text, "_", "__"),
		// If we are killed outright, the window must not stay for ever.
		"--timeout=" + strconv.Itoa(int(lasts/time.Second)+2)}
	if t.tool == "kdialog" {
		args = []string{"--title=" + title, "--inputbox=" + text}
	}
	r := command(t.path, args).Run(ctx)
	var said error
	switch {
	case noDisplay(r):
		said = ErrNonInteractive
	case r.Exit == 1 && r.Signal == "":
		said = errClosedDialog
	case r.Exit == 5 && t.tool != "kdialog": // zenity(1): the timeout has been reached
		said = ErrTimeout
	}
	return answerOf(ctx, t.tool, r, said)
}

// noDisplay recognises a display that is named but cannot be used. GTK then ends with status 1,
// as if the user had said no, and Qt with abort(3); only their words differ.
func noDisplay(r child.Result) bool {
	for _, s := range [...]string{"cannot open display", "Failed to open display", "could not connect to display", "Unable to init server"} {
		if strings.Contains(r.Stderr, s) {
			return r.Exit != 0 || r.Signal != ""
		}
	}
	return false
}
