//go:build unix

package safefile

import (
	"os"
	"strconv"
)

// ChmodCommand is the command that sets what the refusal err misses, the mode, of the file or directory whose path is
// word, as a shell has it.
func ChmodCommand(_ error, mode, word string) string { return "chmod " + mode + " " + word }

// ChmodEveryonesCommand is the same for what [CheckNotEveryones] refuses: a file or its directory.
func ChmodEveryonesCommand(_ error, file, directory string) string {
	return "chmod o-w " + file + " " + directory
}

// ChownCommand is the command that makes this user the owner of it.
func ChownCommand(word string) string { return "sudo chown " + strconv.Itoa(os.Geteuid()) + " " + word }
