package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/render"
)

func TestEnvLine(t *testing.T) {
	for _, tc := range []struct{ goos, path, want string }{
		{"linux", "/run/user/1000/sts-helper/dev.token", "/run/user/1000/sts-helper/dev.token"},
		{"linux", "/home/ana bell/dev.token", ""},
		{"linux", `/home/ana\bell/dev.token`, ""},
		{"darwin", "/Users/ana/Library/Caches/sts-helper/dev.token", "/Users/ana/Library/Caches/sts-helper/dev.token"},
		{"darwin", "/Users/ana/Library/Application Support/dev.token", ""},
		{"windows", `C:\Users\ana\AppData\Local\sts-helper\dev.token`, "C:/Users/ana/AppData/Local/sts-helper/dev.token"},
		{"windows", `C:\Users\ANABEL~1\dev.token`, "C:/Users/ANABEL~1/dev.token"},
		{"windows", `C:\Users\Ana Bell\AppData\Local\dev.token`, "'C:/Users/Ana Bell/AppData/Local/dev.token'"},
		{"windows", `C:\Users\Ana (Work) & $Co\dev.token`, "'C:/Users/Ana (Work) & $Co/dev.token'"},
		{"windows", `C:\Users\Ana O'Bell\dev.token`, `"C:/Users/Ana O'Bell/dev.token"`},
		{"windows", `C:\Users\Ana O'Bell\$x\dev.token`, ""},
		{"windows", `\\server\home share\dev.token`, "'//server/home share/dev.token'"},
	} {
		path := clientPath(tc.goos, tc.path)
		line, ok := envLine(tc.goos, render.Variable{Name: varToken, Value: path})
		want := ""
		if tc.want != "" {
			want = varToken + "=" + tc.want + "\n"
		}
		if line != want && ok || ok != (want != "") {
			t.Errorf("%s, %s: %q, %v; want %q", tc.goos, tc.path, line, ok, want)
			continue
		}
		if !ok {
			continue
		}
		if !ownVariables([]byte(line)) {
			t.Errorf("%s: not known as our own", line)
		}
		out, err := exec.Command("sh", "-c", line+`printf %s "$`+varToken+`"`).Output()
		if err != nil || string(out) != path {
			t.Errorf("a shell reads %q from %s: %v", out, strings.TrimSpace(line), err)
		}
	}
}
