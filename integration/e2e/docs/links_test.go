package docs_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notWord = regexp.MustCompile("[^a-z0-9 _-]")
)

// Every link of the documents leads somewhere, and from docs/README.md a reader comes to every page.
func TestLinks(t *testing.T) {
	root, files := pages(t)
	texts := map[string]string{}
	for _, name := range files {
		b, err := os.ReadFile(filepath.Join(root, name))
		harness.Must(t, err)
		texts[name] = string(b)
	}
	reached := map[string]bool{"docs/README.md": true}
	next := []string{"docs/README.md"}
	for name, text := range texts {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := name
			if target != "" {
				file = path.Join(path.Dir(name), target)
			}
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s: there is no %s", name, file)
			}
			if anchor != "" && !hasHeading(texts[file], anchor) {
				t.Errorf("%s: %s has no heading for #%s", name, file, anchor)
			}
		}
	}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		for _, m := range link.FindAllStringSubmatch(texts[name], -1) {
			target, _, _ := strings.Cut(m[1], "#")
			file := path.Join(path.Dir(name), target)
			if texts[file] != "" && !reached[file] {
				reached[file] = true
				next = append(next, file)
			}
		}
	}
	for name := range texts {
		if strings.HasPrefix(name, "docs/") && !reached[name] {
			t.Errorf("no link leads to %s", name)
		}
	}
}

// hasHeading reports whether a page has a heading with that anchor, as GitHub makes them.
func hasHeading(text, anchor string) bool {
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		if strings.ReplaceAll(notWord.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-") == anchor {
			return true
		}
	}
	return false
}
