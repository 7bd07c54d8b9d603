package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// module writes a module of a few packages and makes it the working directory.
func module(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example.com/m\n\ngo 1.25\n"
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("GOFLAGS", "-mod=mod")
}

const (
	good = "package good\n\nimport \"testing\"\n\nfunc TestOne(t *testing.T) { t.Log(\"chatter\") }\n\n" +
		"func TestTwo(t *testing.T) {\n\tt.Run(\"a\", func(t *testing.T) {})\n\tt.Run(\"b\", func(t *testing.T) { t.Skip(\"needs a tool\") })\n}\n\n" +
		"func TestThree(t *testing.T) { t.Skip(\"needs a tool\") }\n"
	bad     = "package bad\n\nimport \"testing\"\n\nfunc TestOne(t *testing.T) { t.Run(\"a\", func(t *testing.T) { t.Error(\"it is wrong\") }) }\n\nfunc TestTwo(t *testing.T) {}\n"
	panics  = "package panics\n\nimport \"testing\"\n\nfunc TestOne(t *testing.T) { panic(\"at the disco\") }\n"
	exits   = "package exits\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) { println(\"no preparation\"); os.Exit(3) }\n"
	unbuilt = "package unbuilt\n\nfunc f() { nothing() }\n"
)

func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("long: builds packages")
	}
	for _, tc := range []struct {
		name  string
		files map[string]string
		code  int
		has   []string
		not   []string
	}{
		{"passing", map[string]string{"good/x_test.go": good}, 0,
			[]string{"ok  \texample.com/m/good\t", "skipped: needs a tool\n    example.com/m/good TestThree\n    example.com/m/good TestTwo/b\n", "\n2 passed, 0 failed, 2 skipped\n"},
			[]string{"chatter", "=== RUN", "PASS"}},
		{"failing", map[string]string{"good/x_test.go": good, "bad/x_test.go": bad}, 1,
			[]string{"--- FAIL: TestOne/a", "it is wrong", "FAIL\texample.com/m/bad\t", "\n3 passed, 1 failed, 2 skipped\n"}, []string{"chatter"}},
		{"panicking", map[string]string{"panics/x_test.go": panics}, 1, []string{"panic: at the disco", "FAIL\texample.com/m/panics", "\n0 passed, 1 failed, 0 skipped\n"}, nil},
		{"ending early", map[string]string{"exits/x_test.go": exits}, 1, []string{"no preparation", "FAIL\texample.com/m/exits", "\n0 passed, 1 failed, 0 skipped\n"}, nil},
		{"not built", map[string]string{"unbuilt/x.go": unbuilt, "unbuilt/x_test.go": "package unbuilt\n", "good/x_test.go": good}, 1,
			[]string{"undefined: nothing", "FAIL\texample.com/m/unbuilt [build failed]", "\n2 passed, 1 failed, 2 skipped\n"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			module(t, tc.files)
			var out, errs bytes.Buffer
			code := run(&out, &errs, []string{"./..."})
			if code != tc.code {
				t.Errorf("exit %d, want %d", code, tc.code)
			}
			for _, want := range tc.has {
				if !strings.Contains("\n"+out.String(), want) {
					t.Errorf("no %q", want)
				}
			}
			for _, not := range tc.not {
				if strings.Contains(out.String(), not) {
					t.Errorf("there is %q", not)
				}
			}
			if t.Failed() {
				t.Logf("%s%s", &out, &errs)
			}
		})
	}
}
