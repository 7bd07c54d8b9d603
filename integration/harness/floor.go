package harness

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// BuildFloor builds the helper with an init that only exits, in the place of the one that looks
// for a direct answer: the least that a call of this binary can take. One source file is
// replaced for this one build; the program's own source is untouched.
func BuildFloor(dir string) (string, error) {
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", err
	}
	target := filepath.Join(strings.TrimSpace(string(module)), "internal", "direct", "answer.go")
	content, err := replace(target, "\nfunc init() {\n", "\nfunc init() {\n\tos.Exit(0)\n")
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "floor")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "answer.go")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{target: file}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		return "", err
	}
	return Build(dir, "cmd/sts-helper", "-overlay="+overlay)
}
