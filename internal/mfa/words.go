package mfa

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// maxCommand bounds a command line: a setting, not a program.
const maxCommand = 32 << 10

// SplitCommand splits a command line into words the way a POSIX shell quotes them (XCU 2.2), and
// does nothing else that a shell does: blanks separate words, '...' is literal, "..." knows the
// backslash before $ ` " \ and a line end, and a backslash outside quotes protects the next character.
// On Windows a backslash is an ordinary character except before a double quote, because it
// separates folders, and a single quote is an ordinary character.
//
// What a shell would act upon and we would pass on as it stands ($ and ` outside '...', and
// unquoted | & ; < > ( ), and # or ~ at a word's start) is an error, not a surprise. So are an
// unbalanced quote, a NUL, a line end outside quotes, and a line without words.
func SplitCommand(line string) ([]string, error) {
	return splitCommand(line, runtime.GOOS == "windows")
}

func splitCommand(line string, windows bool) ([]string, error) {
	if len(line) > maxCommand {
		return nil, fmt.Errorf("command is longer than %d bytes", maxCommand)
	}
	if strings.IndexByte(line, 0) >= 0 {
		return nil, errors.New("command contains a NUL byte")
	}
	var (
		words  []string
		word   []byte
		inWord bool
		quote  byte // the quote we are in, or 0
	)
	for i := 0; i < len(line); i++ {
		c := line[i]
		next := byte(0)
		if i+1 < len(line) {
			next = line[i+1]
		}
		switch {
		case quote == '\'':
			if c == '\'' {
				quote = 0
			} else {
				word = append(word, c)
			}
		case c == '\\' && windows:
			if next == '"' {
				c = next
				i++
			}
			word, inWord = append(word, c), true
		case c == '\\' && quote == '"' && strings.IndexByte("$`\"\\\n", next) < 0:
			word = append(word, c)
		case c == '\\':
			if i+1 == len(line) {
				return nil, errors.New("command ends in a lone backslash")
			}
			i++
			if next != '\n' { // a backslash joins lines
				word, inWord = append(word, next), true
			}
		case c == '"':
			if quote == '"' {
				quote = 0
			} else {
				quote, inWord = '"', true
			}
		case c == '$' && !windows, c == '`' && !windows:
			return nil, noShell(c)
		case quote == '"':
			word = append(word, c)
		case c == '\'' && !windows:
			quote, inWord = '\'', true
		case c == ' ' || c == '\t':
			if inWord {
				words, word, inWord = append(words, string(word)), nil, false
			}
		case c == '\n' || c == '\r':
			return nil, errors.New("command has more than one line: quote the line end or name a script")
		case strings.IndexByte("|&;<>", c) >= 0,
			!windows && (c == '(' || c == ')'),
			!windows && !inWord && (c == '#' || c == '~'):
			return nil, noShell(c)
		default:
			word, inWord = append(word, c), true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("command has an unbalanced %c", quote)
	}
	if inWord {
		words = append(words, string(word))
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New("command is empty")
	}
	return words, nil
}

func noShell(c byte) error {
	return fmt.Errorf("no shell runs the command, so an unquoted %c means nothing: quote it, or name a script", c)
}
