package drawing_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sts-helper/sts-helper/integration/drawing"
)

// The pictures in docs are those of the drawing, and well formed.
func TestPicturesAreCurrent(t *testing.T) {
	for name, want := range read(t).Files() {
		file := filepath.Join(root, "docs", name)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not what its source says (%v); run: go test ./integration/drawing -update", name, err)
		}
		for dec := xml.NewDecoder(bytes.NewReader(want)); ; {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// Steps happen in rooms that there are.
func TestStepsHappenInRooms(t *testing.T) {
	d := read(t)
	if len(d.Ways) == 0 {
		t.Error("there are no ways")
	}
	for _, w := range d.Ways {
		for _, s := range w.Steps {
			if !slices.ContainsFunc(d.Rooms(), func(r drawing.Room) bool { return r.Name == s.Room }) {
				t.Errorf("%q: there is no room %s", w.Title, s.Room)
			}
		}
	}
}
