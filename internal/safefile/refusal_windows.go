package safefile

import (
	"io/fs"
	"path/filepath"
)

const openFlags = 0

// check is the rule for a file or directory about which info is what this package found. A second name is no harm
// here: the access list is the file's, whatever it is called.
func check(info fs.FileInfo, r rule) error {
	list, ok := info.Sys().(*accessList)
	if !ok {
		return refuse(OwnerUnknown, "owner unknown")
	}
	return list.check(r)
}

// CheckOthers refuses what users other than its owner may use, or with write what they may change. The text of the
// refusal is only what lets them: the mode, on Windows who it is.
func CheckOthers(info fs.FileInfo, write bool) error {
	r := private
	if write {
		r = trusted
	}
	err := check(info, r)
	if refused, ok := err.(*Refusal); ok && refused.Kind == r.kind {
		who := "it has no access list"
		if len(refused.others) > 0 {
			who = nameOf(refused.others[0])
		}
		return &Refusal{r.kind, who, refused.others}
	}
	return nil
}

// CheckSystem refuses the file at path, an absolute one, about which info is what [Read] found, where others than the
// administrators and the system own it or its directory, or could change, replace or remove it: every user may make directories
// below %ProgramData%.
func CheckSystem(path string, info fs.FileInfo) error {
	if err := check(info, system); err != nil {
		return err
	}
	err := named(filepath.Dir(path)).checkSystemDir()
	if r, ok := err.(*Refusal); ok {
		return refuse(r.Kind, "its directory "+filepath.Dir(path)+": "+r.text)
	}
	return err
}
