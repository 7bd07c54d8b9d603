package failure

// Exit is one exit code of the command.
type Exit struct {
	Code    int
	Meaning string
}

// exits is the exit code of each class. The codes are part of the command's interface; the help of
// the command and docs/reference/exit-codes.md are made from this table.
var exits = [...]struct {
	class Class
	Exit
}{
	{Internal, Exit{1, "a fault of sts-helper, or the output could not be written"}},
	{Usage, Exit{2, "the command line is wrong"}},
	{Configuration, Exit{3, "a file, a variable or the cache directory is wrong; doctor found something"}},
	{Source, Exit{4, "the source credentials are missing, of the wrong kind, or refused"}},
	{Denied, Exit{5, "AWS refused the request"}},
	{Unreachable, Exit{6, "AWS could not be reached, or gave no usable answer"}},
	{Locked, Exit{7, "another process was waited for in vain"}},
	{InteractionRequired, Exit{8, "the user has to act, and could not be asked or did not answer"}},
}

// Exits are all exit codes of the command in their order, those of signals among them.
func Exits() []Exit {
	all := []Exit{{0, "done"}}
	for _, e := range exits {
		all = append(all, e.Exit)
	}
	return append(all,
		Exit{130, "stopped by Ctrl-C (SIGINT)"},
		Exit{141, "the reader of the output had gone (SIGPIPE)"},
		Exit{143, "stopped by SIGTERM; serve ends with 0 then: it was told to"})
}

// ExitCode is the code that the command ends with for an error of class c; 1 for a class that
// has none of its own.
func (c Class) ExitCode() int {
	for _, e := range exits {
		if e.class == c {
			return e.Code
		}
	}
	return 1
}

// ClassOfExit is the class of the error with which a run of this program ended, [Internal] for
// a code that is none of its own.
func ClassOfExit(code int) Class {
	for _, e := range exits {
		if e.Code == code {
			return e.class
		}
	}
	return Internal
}
