package doctor

import (
	"io/fs"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// Secret checks a file or directory that only its user is to use: one with keys, or the cache. info is of
// [safefile.StatPath].
func Secret(path string, info fs.FileInfo) []Finding {
	if err := safefile.CheckOthers(info, false); err != nil {
		mode := "600"
		if info.IsDir() {
			mode = "700"
		}
		return []Finding{{"mode", Problem, "", display.Safe(path), "other users may open it (" + err.Error() + ")", "run: " + safefile.ChmodCommand(err, mode, display.ShellWord(path))}}
	}
	return owner(path, info)
}

// Settings checks a file that decides which programs run as the user: no other user may write it.
func Settings(path string, info fs.FileInfo) []Finding {
	if err := safefile.CheckOthers(info, true); err != nil {
		return []Finding{{"mode", Problem, "", display.Safe(path), "other users may write to it (" + err.Error() + "), and it decides which programs run as you", "run: " + safefile.ChmodCommand(err, "go-w", display.ShellWord(path))}}
	}
	return owner(path, info)
}

func owner(path string, info fs.FileInfo) []Finding {
	if err := safefile.CheckTrusted(info); safefile.KindOf(err) == safefile.OtherOwner {
		return []Finding{{"owner", Problem, "", display.Safe(path), "it " + display.Safe(err.Error()), "run: " + safefile.ChownCommand(display.ShellWord(path))}}
	}
	return nil
}

// Place checks the file system that a cache is on. network is its kind where it is one of another machine.
func Place(path, network string) []Finding {
	if network == "" {
		return nil
	}
	return []Finding{{"file-system", Advice, "", display.Safe(path), "the cache is on " + network + ", whose locks may not hold between machines, so that each asks AWS for itself", "name a local directory with --cache-dir or STS_HELPER_CACHE_DIR"}}
}

// Readable is the advice about a long-term key in a file that every program reads. movable reports that setup can
// move it.
func Readable(profile, keyID, where string, movable bool) Finding {
	mend := "move it to a file of its own, which --credentials-file or credentials_file names"
	if movable {
		mend = "move it out of sight, run: sts-helper setup --move-keys " + display.ShellWord(profile)
	}
	return Finding{"key-readable", Advice, display.Safe(profile), display.Safe(where), "the long-term key " + display.Safe(keyID) + " is where every SDK and every program of yours reads it", mend}
}
