package mfa

import (
	"os"
	"runtime"
	"strings"
)

// serialVariable names the device the code is for.
const serialVariable = "STS_HELPER_MFA_SERIAL"

// passed reports whether a child may see a variable: what a program needs to find its files, its
// display, its agents and its language, and what the known sources of codes keep there. Nothing
// of AWS's and nothing else of ours: no key, no preset code.
func passed(name string) bool {
	if runtime.GOOS == "windows" {
		name = strings.ToUpper(name)
	}
	if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "STS_HELPER_") {
		return false
	}
	switch name {
	case "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ",
		"LANG", "LANGUAGE", "TERM", "COLORTERM", "NO_COLOR",
		// display
		"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "DESKTOP_SESSION",
		"KDE_FULL_SESSION", "KDE_SESSION_VERSION", "GDK_BACKEND", "GDK_SCALE", "GDK_DPI_SCALE",
		"GTK_THEME", "QT_QPA_PLATFORM", "QT_SCALE_FACTOR", "QT_FONT_DPI",
		"__CF_USER_TEXT_ENCODING", "SECURITYSESSIONID",
		// agents, and stores of codes
		"GPG_TTY", "GPG_AGENT_INFO", "GNUPGHOME", "SSH_AUTH_SOCK", "PINENTRY_USER_DATA",
		"PCSCLITE_CSOCK_NAME", "BW_SESSION", "BITWARDENCLI_APPDATA_DIR",
		// Windows
		"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "USERNAME",
		"USERDOMAIN", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
		"PROGRAMFILES", "PROGRAMFILES(X86)", "COMMONPROGRAMFILES", "TEMP", "TMP":
		return true
	}
	for _, prefix := range [...]string{"LC_", "XDG_", "OP_", "PASSWORD_STORE_", "PASSAGE_", "GOPASS_", "PROTON_PASS_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// childEnviron is the environment of a command or a dialog.
func childEnviron(extra ...string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if name, _, ok := strings.Cut(kv, "="); ok && passed(name) {
			env = append(env, kv)
		}
	}
	return append(env, extra...)
}
