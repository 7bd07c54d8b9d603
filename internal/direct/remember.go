package direct

import (
	"os"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

const separator = string(os.PathSeparator)

// Remember keeps the note, that args were answered with the record of n.Key, for the next run, unless
// that is noted already. It does nothing where that cannot be done safely, and its failures do
// not matter. It reports whether it wrote a note.
func (n *Note) Remember(args []string) bool {
	if !mayBeNoted(args) || off() {
		return false
	}
	dir, err := record.DefaultDir(os.Getenv)
	if err != nil {
		return false
	}
	line := identity(nil, args)
	if line == nil {
		return false
	}
	whole := *n
	whole.line = n.hash.of(line)
	if n.Life != 0 {
		whole.At = record.Now()
	}
	// What decides where to look without being asked for.
	for _, v := range []string{"HOME", "XDG_CACHE_HOME"} {
		whole.AddVariable(v, os.Getenv(v))
	}
	data, err := whole.encode()
	if err != nil {
		return false
	}
	for _, d := range []string{dir, dir + separator + record.VersionDir} {
		if safefile.MakePrivateDir(d) != nil {
			return false
		}
	}
	root, err := safefile.OpenPrivateDir(dir + separator + record.VersionDir)
	if err != nil {
		return false
	}
	defer func() { _ = root.Close() }()
	if old, err := safefile.ReadPrivate(root, noteName(line), record.MaxFile); err == nil && string(old) == string(data) {
		return false
	}
	return safefile.Write(root, noteName(line), data, safefile.Unsynced) == nil
}
