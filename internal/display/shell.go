package display

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// maxCommand bounds, in bytes, a command line that [SplitCommand] takes: it is a setting, not a program.
const maxCommand = 32 << 10

// SplitCommand splits a command line into words the way a POSIX shell quotes them (XCU 2.2), and
// does nothing else that a shell does: blanks separate words, '...' is literal, "..." knows the
// backslash before $ ` " \ and a line end, and a backslash outside quotes protects the next character.
// On Windows a backslash is an ordinary character except before a double quote, because it
// separates folders (see backslashes), and a single quote is an ordinary character.
//
// What a shell would act upon and we would pass on as it is ($ and ` outside '...', and
// unquoted | & ; < > ( ), # or ~ at a word's start, and an assignment in front) is an error, not a surprise. So
// are an unbalanced quote, a NUL, a line end outside quotes, and a line without words. Errors do not repeat what is
// on the line, which may hold a secret.
func SplitCommand(line string) ([]string, error) {
	switch {
	case len(line) > maxCommand:
		return nil, fmt.Errorf("command is longer than %d bytes", maxCommand)
	case strings.IndexByte(line, 0) >= 0:
		return nil, errors.New("command contains a NUL byte")
	}
	words, err := splitOn(runtime.GOOS, line, true)
	switch {
	case err != nil:
		return nil, err
	case len(words) == 0 || words[0] == "":
		return nil, errors.New("command is empty")
	case isAssignment(words[0]):
		name, _, _ := strings.Cut(words[0], "=")
		return nil, fmt.Errorf("no shell runs the command, so %s=... in front of it sets nothing: put env before it", name)
	}
	return words, nil
}

// isAssignment reports whether a shell would take a command's first word for that of a variable.
func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" && (name[0] < '0' || name[0] > '9')
}

// ShellWords splits a line that a shell will run, as far as that shows which program it starts and with
// which flags. What the shell would act upon stays as it is, and an unbalanced quote ends with the line.
func ShellWords(line string) []string {
	words, _ := splitOn(runtime.GOOS, line, false)
	return words
}

func splitOn(goos, line string, strict bool) ([]string, error) {
	s := splitter{line: line, windows: goos == "windows", strict: strict}
	return s.split()
}

// ProgramName is the name of the program that the first word of a command runs: without directories and, as
// Windows has it, in small letters and without .exe.
func ProgramName(word string) string { return programNameOn(runtime.GOOS, word) }

func programNameOn(goos, word string) string {
	if goos == "windows" {
		word = strings.ToLower(strings.ReplaceAll(word, `\`, "/"))
	}
	word = strings.TrimRight(word, "/")
	return strings.TrimSuffix(word[strings.LastIndexByte(word, '/')+1:], ".exe") // .exe also of WSL's lines
}

type splitter struct {
	line            string
	windows, strict bool

	words  []string
	word   []byte
	inWord bool
	quote  byte // the quote we are in, or 0
}

func (s *splitter) split() ([]string, error) {
	for i := 0; i < len(s.line); i++ {
		c, next := s.line[i], byte(0)
		if i+1 < len(s.line) {
			next = s.line[i+1]
		}
		switch {
		case c == s.quote:
			s.quote = 0
		case s.quote == '\'':
			s.put(c)
		case c == '\\' && s.windows:
			i += s.backslashes(i) - 1
		case c == '\\' && s.quote == '"' && strings.IndexByte("$`\"\\\n", next) < 0:
			s.put(c)
		case c == '\\' && i+1 == len(s.line):
			if s.strict {
				return nil, errors.New("command ends in a lone backslash")
			}
			s.put(c)
		case c == '\\':
			i++
			if next != '\n' { // a backslash joins lines
				s.put(next)
			}
		case s.strict && !s.windows && (c == '$' || c == '`'):
			return nil, noShell(c)
		case s.quote == '"':
			s.put(c)
		case c == '"', c == '\'' && !s.windows:
			s.quote, s.inWord = c, true
		case c == ' ' || c == '\t':
			s.endWord()
		case c == '\n' || c == '\r':
			if s.strict {
				return nil, errors.New("command has more than one line: quote the line end or name a script")
			}
			s.endWord()
		case s.strict && s.special(c):
			return nil, noShell(c)
		default:
			s.put(c)
		}
	}
	if s.strict && s.quote != 0 {
		return nil, fmt.Errorf("command has an unbalanced %c", s.quote)
	}
	s.endWord()
	return s.words, nil
}

// backslashes takes the run of them that begins at i, and gives its length: before a double quote two are one, and
// one that is left over makes the quote an ordinary character; elsewhere each is itself (the rules of Microsoft's C
// runtime, and of botocore's compat_shell_split).
func (s *splitter) backslashes(i int) (taken int) {
	n := len(s.line[i:]) - len(strings.TrimLeft(s.line[i:], `\`))
	if i+n == len(s.line) || s.line[i+n] != '"' {
		for range n {
			s.put('\\')
		}
		return n
	}
	for range n / 2 {
		s.put('\\')
	}
	if n%2 == 0 {
		return n
	}
	s.put('"')
	return n + 1
}

func (s *splitter) put(c byte) { s.word, s.inWord = append(s.word, c), true }

func (s *splitter) endWord() {
	if s.inWord {
		s.words, s.word, s.inWord = append(s.words, string(s.word)), s.word[:0], false
	}
}

// special reports whether a shell would act upon c, outside of quotes.
func (s *splitter) special(c byte) bool {
	switch c {
	case '|', '&', ';', '<', '>':
		return true
	case '(', ')':
		return !s.windows
	case '#', '~':
		return !s.windows && !s.inWord
	}
	return false
}

func noShell(c byte) error {
	return fmt.Errorf("no shell runs the command, so an unquoted %c means nothing: quote it, or name a script", c)
}

// ShellWord is s as one word of a command line, for a user to paste or an SDK to hand to the
// shell: quoted for a POSIX shell, on Windows for cmd.exe, and as it is where no shell
// would see more in it than text. What cannot be shown on a terminal is escaped instead.
func ShellWord(s string) string {
	switch {
	case !Printable(s):
		return Quote(s)
	case runtime.GOOS != "windows":
		return PosixWord(s)
	case isPlainWord(strings.ReplaceAll(s, `\`, "/")):
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"`
}

// PosixWord is s as one word for a POSIX shell (XCU 2.2.2), whatever characters it has.
func PosixWord(s string) string {
	if isPlainWord(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func isPlainWord(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@=") == ""
}
