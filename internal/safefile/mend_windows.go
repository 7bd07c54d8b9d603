package safefile

import (
	"errors"
	"strings"
)

// ChmodCommand is the command that takes the file or directory, whose path is word, as a shell has it, from all that
// the refusal err names, and from what they have by the directory above. It is the same in cmd.exe and in PowerShell.
// mode is what it would be elsewhere.
func ChmodCommand(err error, mode, word string) string {
	user, uerr := userSID()
	if uerr != nil {
		user = "%USERNAME%"
	}
	inherited := ""
	if mode == "700" {
		inherited = "(OI)(CI)"
	}
	command := "icacls " + quoted(word) + ` /inheritance:r /grant:r "*` + user + ":" + inherited + `F"`
	if r, ok := errors.AsType[*Refusal](err); ok {
		for i, sid := range r.others {
			if i == 0 {
				command += " /remove:g"
			}
			command += ` "*` + sid + `"`
		}
	}
	return command
}

// ChmodEveryonesCommand is the same for what [CheckNotEveryones] refuses: a file or its directory.
func ChmodEveryonesCommand(err error, file, directory string) string {
	if r, ok := errors.AsType[*Refusal](err); ok && strings.HasPrefix(r.text, everyonesDirectory) {
		return ChmodCommand(err, "700", directory)
	}
	return ChmodCommand(err, "600", file)
}

// ChownCommand is the command that makes this user the owner of it.
func ChownCommand(word string) string { return "takeown /f " + quoted(word) }

// quoted is a path in quotes, which it cannot hold itself.
func quoted(word string) string { return `"` + strings.Trim(word, `"`) + `"` }
