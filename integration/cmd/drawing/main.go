// Command drawing draws docs/architecture.txt: the rooms into architecture.svg, the ways of a
// call into call.svg. It is run in the module's root.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/sts-helper/sts-helper/integration/drawing"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "drawing:", err)
		os.Exit(1)
	}
}

func run() error {
	d, err := drawing.Read(".")
	if err != nil {
		return err
	}
	for name, data := range d.Files() {
		if err := os.WriteFile(filepath.Join("docs", name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
