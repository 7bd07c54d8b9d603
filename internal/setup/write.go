package setup

import (
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
)

// command is a credential_process line with a profile's name that a shell, cmd.exe, shlex and
// a reader that splits at blanks read alike, "" where there is none.
func command(program, name string) string {
	a, b := word(program), word(name)
	if a == "" || b == "" {
		return ""
	}
	return a + " --profile " + b
}

// word is a word of such a line, "" where it cannot be written.
func word(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@+:,"
	switch {
	case s == "" || strings.HasPrefix(s, "-") || !display.Printable(s):
		return ""
	case strings.Trim(s, plain) == "":
		return s
	case strings.ContainsAny(s, "\"'\\$`%!^&|<>;()*?[]#~={}"):
		return ""
	}
	return `"` + s + `"`
}

// entry is a section to come of config.toml.
type entry struct {
	name string
	keys [][2]string
}

// add gives the entry a key, unless its value is empty.
func (e *entry) add(key, value string) {
	if value = strings.TrimSpace(value); value != "" {
		e.keys = append(e.keys, [2]string{key, value})
	}
}

func (e *entry) lines() []string {
	name := e.name
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		name = tomlString(name)
	}
	lines := []string{"[profile." + name + "]"}
	for _, kv := range e.keys {
		lines = append(lines, kv[0]+" = "+tomlString(kv[1]))
	}
	return lines
}

func tomlString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
