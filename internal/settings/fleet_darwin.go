package settings

import (
	"io/fs"

	"github.com/sts-helper/sts-helper/internal/safefile"
)

// fleetFile is where macOS keeps what holds for all users of a machine.
func fleetFile() string { return "/Library/Application Support/sts-helper/config.toml" }

func checkFleetFile(path string, info fs.FileInfo) error { return safefile.CheckSystem(path, info) }
