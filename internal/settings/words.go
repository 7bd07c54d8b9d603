package settings

import (
	"path/filepath"
	"runtime"
	"strings"
)

// words splits a command the way a shell would, as far as that is needed to see which
// program it starts and with which flags. What is expanded at run time stays as it is.
func words(command string) []string {
	var all []string
	var word []byte
	started, quoted := false, byte(0)
	for i := 0; i < len(command); i++ {
		c := command[i]
		switch {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			} else if c == '\\' && quoted == '"' && i+1 < len(command) && strings.IndexByte("\"\\$`", command[i+1]) >= 0 {
				i++
				word = append(word, command[i])
			} else {
				word = append(word, c)
			}
		case c == '\'' || c == '"':
			quoted, started = c, true
		case c == '\\' && i+1 < len(command):
			i++
			word, started = append(word, command[i]), true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if started {
				all, word, started = append(all, string(word)), word[:0], false
			}
		default:
			word, started = append(word, c), true
		}
	}
	if started {
		all = append(all, string(word))
	}
	return all
}

// flagValue finds --name VALUE or --name=VALUE among the words of a command.
func flagValue(words []string, name string) (string, bool) {
	for i, w := range words {
		rest, ok := strings.CutPrefix(w, "--"+name)
		switch {
		case !ok:
		case rest == "" && i+1 < len(words):
			return words[i+1], true
		case strings.HasPrefix(rest, "="):
			return rest[1:], true
		}
	}
	return "", false
}

// runsUs tells whether a command starts this program.
func (e Environment) runsUs(words []string) bool {
	if len(words) == 0 {
		return false
	}
	name := strings.TrimSuffix(filepath.Base(words[0]), ".exe")
	return name == "sts-helper" || e.Program != "" && name == strings.TrimSuffix(e.Program, ".exe")
}

// ShellWord is s as one word of a command line, for a person to paste or an SDK to hand to
// the shell: quoted for a POSIX shell, on Windows for cmd.exe, and as it is where no shell
// would see more in it than text. What cannot be shown on a terminal is escaped instead.
func ShellWord(s string) string {
	plain := s != ""
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("/._-+,:@=", c) >= 0 ||
			c == '\\' && runtime.GOOS == "windows") {
			plain = false
		}
	}
	switch {
	case plain:
		return s
	case !graphic(s):
		return quote(s)
	case runtime.GOOS == "windows":
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
