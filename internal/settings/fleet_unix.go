//go:build unix && !darwin

package settings

import (
	"io/fs"

	"github.com/sts-helper/sts-helper/internal/safefile"
)

// fleetFile is below the first default of XDG_CONFIG_DIRS, whatever that variable says.
func fleetFile() string { return "/etc/xdg/sts-helper/config.toml" }

func checkFleetFile(path string, info fs.FileInfo) error { return safefile.CheckSystem(path, info) }
