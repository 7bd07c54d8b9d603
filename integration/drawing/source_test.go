package drawing_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A use is a name of another package, or a method, where the product's source uses it.
type use struct {
	room, pos string
	pkg, name string // "os", "Getenv"; pkg is "" for a method or a field
}

// A source is what the product's files, of all systems, declare and use. Tests and integration
// are left out.
type source struct {
	uses    []use
	funcs   map[string][]string // the rooms that declare a function or method of that name
	strings map[string][]string // the rooms that have a string literal
}

func parse(t *testing.T) *source {
	t.Helper()
	s := &source{funcs: map[string][]string{}, strings: map[string][]string{}}
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, file)
		name = filepath.ToSlash(name)
		if d.IsDir() && (name == "integration" || name != "." && strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err == nil {
			s.file(set, f, path.Dir(name), name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *source) file(set *token.FileSet, f *ast.File, room, name string) {
	imports := map[string]string{}
	for _, imp := range f.Imports {
		full, _ := strconv.Unquote(imp.Path.Value)
		local := path.Base(full)
		if imp.Name != nil {
			local = imp.Name.Name
		}
		imports[local] = full
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			s.funcs[n.Name.Name] = append(s.funcs[n.Name.Name], room)
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				text, _ := strconv.Unquote(n.Value)
				s.strings[text] = append(s.strings[text], room)
			}
		case *ast.SelectorExpr:
			u := use{room: room, name: n.Sel.Name, pos: name + ":" + strconv.Itoa(set.Position(n.Pos()).Line)}
			if x, ok := n.X.(*ast.Ident); ok {
				u.pkg = imports[x.Name]
			}
			s.uses = append(s.uses, u)
		}
		return true
	})
}

// outside are the functions that bring in what a call depends on: the environment, and files.
// An answer that is remembered depends on exactly what was asked of settings, so that nothing
// may be asked elsewhere: see package direct. The rooms that may all the same have a reason.
var outside = []struct {
	what  string
	names map[string][]string // package and functions
	rooms map[string]string
}{
	{
		what: "reads the environment",
		names: map[string][]string{
			"os":      {"Getenv", "LookupEnv", "Environ", "ExpandEnv", "UserHomeDir", "UserCacheDir", "UserConfigDir", "Getwd"},
			"syscall": {"Getenv", "Environ", "Getwd"},
		},
		rooms: map[string]string{
			"internal/settings": "the one place: Environment, whose questions are remembered",
			"internal/direct":   "asks again what was remembered",
			"internal/mfa":      "whether there is a desktop",
			"internal/child":    "what a child process inherits",
			"cmd/sts-helper":    "what serve is told by its service manager, which is never remembered",
		},
	},
	{
		what: "opens files",
		names: map[string][]string{
			"os": {"Open", "OpenFile", "OpenRoot", "OpenInRoot", "ReadFile", "ReadDir", "Stat", "Lstat", "Readlink", "DirFS",
				"Create", "CreateTemp", "WriteFile", "Mkdir", "MkdirAll", "MkdirTemp", "Truncate", "Link", "Symlink", "Rename"},
			"syscall":               {"Open", "Openat", "Stat", "Lstat", "Readlink"},
			"golang.org/x/sys/unix": {"Open", "Openat", "Stat", "Lstat", "Fstatat", "Readlink"},
			"path/filepath":         {"Walk", "WalkDir", "Glob", "EvalSymlinks"},
			"io/ioutil":             {"ReadFile", "ReadDir", "WriteFile", "TempFile", "TempDir"},
		},
		rooms: map[string]string{
			"internal/safefile":         "the one place",
			"internal/direct":           "runs before the rest",
			"internal/record":           "the kernel's boot id",
			"internal/mfa":              "the terminal",
			"internal/child":            "/proc and /dev/fd",
			"lock":                      "the lock's file, which is no data",
			"cache":                     "CACHEDIR.TAG, which is no secret",
			"imds":                      "the kernel's user name spaces",
			"internal/audit":            "a log, which is appended to and put aside, and who the caller is",
			"internal/source/loginfile": "which file a link means",
			"internal/settings":         "the names of stored keys, for an error",
			"internal/keystore":         "the names of stored keys, and whether there is a session bus",
			"internal/passphrase":       "the terminal",
			"internal/setup":            "changes the files that settings names, behind their links",
			"cmd/sts-helper":            "files named on the command line, the terminal, and serve's watch for changes",
		},
	},
}

func TestNothingComesFromOutsideElsewhere(t *testing.T) {
	s := parse(t)
	for _, o := range outside {
		used := map[string]bool{}
		for _, u := range s.uses {
			if !slices.Contains(o.names[u.pkg], u.name) {
				continue
			}
			used[u.room] = true
			if o.rooms[u.room] == "" {
				t.Errorf("%s %s (%s.%s): ask package settings or safefile instead", u.pos, o.what, u.pkg, u.name)
			}
		}
		for room := range o.rooms {
			if !used[room] {
				t.Errorf("%s may %s and does not: take it out of the list", room, strings.Replace(o.what, "s ", " ", 1))
			}
		}
		if len(used) == 0 {
			t.Errorf("nothing %s: does the test see the source?", o.what)
		}
	}
}

// Facts that are in one room only. A second place is how they drift apart.
func TestOneFactInOnePlace(t *testing.T) {
	s := parse(t)
	for _, fact := range []struct {
		what, room string
		found      []string
		too        []string // rooms whose own one is another thing under the same name
	}{
		{"refresh table", "internal/record", s.declared("advisorywindow", "refreshwindow", "jitteredadvisory"), nil},
		{"partition table", "internal/awsname", s.literals("aws-cn", "aws-us-gov", "amazonaws.com.cn"), nil},
		{"partition table", "internal/awsname", s.declared("partitionof", "partitionnamed", "partition"), nil},
		{"endpoint check", "internal/awsname", s.declared("isloopback"), nil},
		{"atomic write", "internal/safefile", s.selected("Rename", "Link", "CreateTemp"), []string{"internal/source/loginfile", "internal/audit"}},
		{"check of a file's owner", "internal/safefile", s.selected("Nlink"), nil},
		{"way to run other programs", "internal/child", s.calls("os/exec", "Command", "CommandContext"), nil},
		{"HTTP transport", "internal/transport", s.calls("net", "Dialer"), nil},
		{"text safe for a terminal", "internal/display", s.declared("safe", "visible", "sanitize"), nil},
		{"text safe for a terminal", "internal/display", s.calls("strconv", "IsPrint", "QuoteToGraphic"), nil},
	} {
		if len(fact.found) == 0 {
			t.Errorf("no room has the %s: does the test know its name?", fact.what)
		}
		for _, room := range fact.too {
			if !slices.Contains(fact.found, room) {
				t.Errorf("%s may have a %s of its own and has none: take it out of the list", room, fact.what)
			}
		}
		for _, room := range fact.found {
			if room != fact.room && !slices.Contains(fact.too, room) {
				t.Errorf("%s has a %s of its own, beside %s", room, fact.what, fact.room)
			}
		}
	}
}

// declared are the rooms that declare a function of one of these names, in lower case.
func (s *source) declared(names ...string) (rooms []string) {
	for name, in := range s.funcs {
		if slices.Contains(names, strings.ToLower(name)) {
			rooms = append(rooms, in...)
		}
	}
	return rooms
}

func (s *source) literals(texts ...string) (rooms []string) {
	for _, text := range texts {
		rooms = append(rooms, s.strings[text]...)
	}
	return rooms
}

// selected are the rooms that use a function, method or field of one of these names.
func (s *source) selected(names ...string) (rooms []string) {
	for _, u := range s.uses {
		if slices.Contains(names, u.name) {
			rooms = append(rooms, u.room)
		}
	}
	return rooms
}

func (s *source) calls(pkg string, names ...string) (rooms []string) {
	for _, u := range s.uses {
		if u.pkg == pkg && slices.Contains(names, u.name) {
			rooms = append(rooms, u.room)
		}
	}
	return rooms
}
