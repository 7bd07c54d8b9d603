package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// maxFile bounds every settings file. The largest ~/.aws/config seen, 5,000 profiles, is
// under 1 MiB.
const maxFile = 8 << 20

// readFile reads a settings file whole, within maxFile. The null device is an empty file,
// since that is how people switch one off; there is no info about it.
func (e Environment) readFile(path string) ([]byte, fs.FileInfo, error) {
	e.reading(path)
	var data []byte
	var info fs.FileInfo
	var err error
	if path != os.DevNull {
		data, info, err = safefile.Read(path, maxFile)
	}
	e.seen(path, data, info, err)
	return data, info, err
}

// absent reports whether nothing is at the path, as opposed to something unreadable.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// checkTrusted refuses a file that others could change, and with it what is asked of STS.
func checkTrusted(path string, info fs.FileInfo) error {
	if info == nil {
		return nil
	}
	err := safefile.CheckTrusted(info)
	if err == nil {
		if err := safefile.CheckNotEveryones(path, filepath.Dir(path), info); err != nil {
			return &Error{Kind: Config, Where: display.Safe(path), What: err.Error(), Do: "run: " + safefile.ChmodEveryonesCommand(err, display.ShellWord(path), display.ShellWord(filepath.Dir(path))), Err: err}
		}
		return nil
	}
	do := "run: " + safefile.ChmodCommand(err, "go-w", display.ShellWord(path))
	if safefile.KindOf(err) == safefile.OtherOwner {
		do = "run: " + safefile.ChownCommand(display.ShellWord(path))
	}
	return &Error{Kind: Config, Where: display.Safe(path), What: err.Error(), Do: do, Err: err}
}
