package drawing_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	placeInText = regexp.MustCompile("`([a-z0-9_.*-]+(?:/[a-z0-9_.*-]+)+)/?`|\\]\\(([^):]+)\\)")
	runInText   = regexp.MustCompile(`go test (?:-short )?(\./\S+)(?: -run (Test\w+))?`)
)

// What the documents about the source name is there: files, folders, packages and tests.
func TestDocumentsNameWhatExists(t *testing.T) {
	tests := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)`).FindAllSubmatch(data, -1) {
			tests[filepath.Dir(path)+" "+string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{"CONTRIBUTING.md", "docs/architecture.md"} {
		data, err := os.ReadFile(filepath.Join(root, doc))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, m := range placeInText.FindAllStringSubmatch(string(data), -1) {
			path := filepath.Join(root, m[1])
			if m[2] != "" {
				path = filepath.Join(root, filepath.Dir(doc), m[2])
			}
			found++
			if strings.HasPrefix(m[1], ".tools/") { // which make fills
				continue
			}
			if there, _ := filepath.Glob(path); len(there) == 0 {
				t.Errorf("%s names %s, which is not there", doc, m[1]+m[2])
			}
		}
		for _, m := range runInText.FindAllStringSubmatch(string(data), -1) {
			dir := filepath.Join(root, strings.TrimSuffix(m[1], "/..."))
			if _, err := os.Stat(dir); err != nil || m[2] != "" && !tests[dir+" "+m[2]] {
				t.Errorf("%s runs %q, which is not there", doc, m[0])
			}
		}
		if found == 0 {
			t.Errorf("%s names nothing: does the test see it?", doc)
		}
	}
}
