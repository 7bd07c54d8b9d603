package harness

import (
	"os"
	"strings"
	"testing"
)

// Tests drive the program that "make build" makes.
func TestBuildTags(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	Must(t, err)
	for line := range strings.Lines(string(makefile)) {
		if name, value, ok := strings.Cut(line, ":="); ok && strings.TrimSpace(name) == "TAGS" {
			if got := strings.TrimSpace(value); got != buildTags {
				t.Fatalf("the Makefile builds with the tags %q, the tests with %q", got, buildTags)
			}
			return
		}
	}
	t.Fatal("the Makefile names no tags")
}
