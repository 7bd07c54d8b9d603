package failure

// exits is the exit code of each class. The codes are part of the command's interface: README
// has the same table.
var exits = [...]struct {
	class Class
	code  int
}{
	{Internal, 1}, // or the output could not be written
	{Usage, 2},
	{Configuration, 3},
	{Source, 4},
	{Denied, 5},
	{Unreachable, 6},
	{Locked, 7},
	{InteractionRequired, 8},
}

// ExitCode is the code that the command ends with for an error of class c; 1 for a class that
// has none of its own.
func (c Class) ExitCode() int {
	for _, e := range exits {
		if e.class == c {
			return e.code
		}
	}
	return 1
}

// ClassOfExit is the class of the error with which a run of this program ended, [Internal] for
// a code that is none of its own.
func ClassOfExit(code int) Class {
	for _, e := range exits {
		if e.code == code {
			return e.class
		}
	}
	return Internal
}
