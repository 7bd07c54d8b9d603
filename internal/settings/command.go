package settings

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// What a command prints depends on the variables and files that its line names: another value of
// $WHO, or another content of ~/keys.json, may be another user's credentials. They are looked at
// before each use, and are part of the key. So is the home directory, which every line names, where homes may
// share a cache: a program finds another vault in each.

// Variables as command lines have them. They are compiled where there is a command.
const (
	shellVariable = `\$\{?([A-Za-z_][A-Za-z0-9_]*)`
	// output is where a shell writes to: a log, say, which changes with each run.
	output          = `>+[|&]?[ \t]*[^ \t;|&()<>'"]+`
	windowsVariable = `%([A-Za-z_][A-Za-z0-9_()]*)%`
)

// maxNamed bounds the files that are compared by their content, in bytes: what is larger is a
// program. maxNames bounds how many of them there are.
const (
	maxNamed = 1 << 20
	maxNames = 64
)

// command stands for the variables that a command line names, for the content of the files that it names, and for
// home, where that is not ""; "" where there is none of all that. files are the paths of all that were looked at.
func (e Environment) command(line, home string) (observed string, files []string) {
	h, found := sha256.New(), false
	add := func(what, name, value string) {
		found = true
		for _, s := range []string{what, name, value} {
			fmt.Fprintf(h, "%d:%s", len(s), s)
		}
	}
	variable := shellVariable
	if runtime.GOOS == "windows" {
		variable = windowsVariable
	}
	pattern := regexp.MustCompile(variable)
	var names []string
	for _, m := range pattern.FindAllStringSubmatch(line, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		add("variable", name, e.Getenv(name))
	}
	if home != "" {
		add("home", "", home)
	}
	for _, path := range e.namedFiles(pattern, line) {
		data, info, err := safefile.Read(path, maxNamed)
		if err != nil && !absent(err) {
			continue // a directory, a device, a program: not what it depends on
		}
		e.reading(path)
		e.seen(path, data, info, err)
		files = append(files, path)
		if err == nil {
			add("file", path, string(data))
		}
	}
	if !found {
		return "", files
	}
	return hex.EncodeToString(h.Sum(nil)), files
}

// homeOfCommands is the home directory where the cache is not below it, and may be that of another home, too; else "".
func (e Environment) homeOfCommands(cacheDir string) string {
	home := e.HomeDir()
	dir, err := CacheDir(cacheDir, e)
	if below, rerr := filepath.Rel(home, dir); err == nil && rerr == nil && filepath.IsLocal(below) && home != "/" {
		return ""
	}
	return home
}

// namedFiles are the absolute paths that words of the line may be, in a quoted part too ("sh -c 'cat
// ~/keys.json'"), with the variables in them replaced.
func (e Environment) namedFiles(pattern *regexp.Regexp, line string) (paths []string) {
	const separators = " \t\r\n'\"`;|&()<>=,"
	words := display.ShellWords(regexp.MustCompile(output).ReplaceAllString(line, " "))
	for _, word := range slices.Clone(words) {
		words = append(words, strings.FieldsFunc(word, func(r rune) bool { return strings.ContainsRune(separators, r) })...)
	}
	for i, word := range words {
		word = pattern.ReplaceAllStringFunc(word, func(v string) string { return e.Getenv(pattern.FindStringSubmatch(v)[1]) })
		word = strings.ReplaceAll(word, "}", "") // the end of ${NAME}
		if word == "" || word[0] == '-' || len(word) > 4096 || len(paths) == maxNames {
			continue // an option
		}
		if !filepath.IsAbs(word) && word[0] != '~' {
			if i == 0 && !strings.ContainsAny(word, `/\`) || !e.isFile(word) {
				continue // the first one is looked for in PATH
			}
		}
		if path := e.expand(word, ""); !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// isFile reports whether a word is a file of the working directory. Nearly all words are none. One that is
// matters, and with it the directory; one that is none here may be one in another.
func (e Environment) isFile(word string) bool {
	_, info, err := safefile.Read(word, maxNamed)
	switch {
	case absent(err):
		e.reading(word)
		e.seen(word, nil, nil, err)
	case err != nil && info != nil:
		e.expand(word, "") // a directory, a program: noted by the name of the one that it is in
	}
	return err == nil
}
