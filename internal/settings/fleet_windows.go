package settings

import (
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/windows"

	"github.com/sts-helper/sts-helper/internal/safefile"
)

// fleetFile is below the folder of data for all users, asked of the system: %ProgramData% is the user's to
// set.
func fleetFile() string {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, windows.KF_FLAG_DEFAULT)
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "sts-helper", "config.toml")
}

func checkFleetFile(path string, info fs.FileInfo) error { return safefile.CheckSystem(path, info) }
