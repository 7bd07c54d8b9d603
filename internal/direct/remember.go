package direct

import (
	"os"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// Remember notes that args were answered with the record of n.Key, for the next run, unless
// that is noted already. It does nothing where that cannot be done safely, and its failures do
// not matter. It reports whether it wrote a note.
func Remember(args []string, n Note) bool {
	if !mayBeNoted(args) || off() {
		return false
	}
	dir, err := record.DefaultDir(os.Getenv)
	if err != nil {
		return false
	}
	name := noteName(args)
	if name == "" || readRecord(n.Cache, n.Key) == nil {
		return false
	}
	if n.Life != 0 {
		n.At = record.Now()
	}
	// What decides where to look without being asked for.
	for _, v := range []string{"HOME", "XDG_CACHE_HOME"} {
		n.Variables = append(n.Variables, NewVariable(v, os.Getenv(v)))
	}
	data, err := n.encode()
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
	if old, err := safefile.ReadPrivate(root, name, record.MaxFile); err == nil && string(old) == string(data) {
		return false
	}
	return safefile.Write(root, name, data, safefile.Unsynced) == nil
}
