package settings

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
)

// Environment is what [Load] knows of the process it runs in besides its flags. Tests give
// their own; programs use [ProcessEnvironment].
type Environment struct {
	// Getenv returns a variable's value, "" where it is not set. An empty variable counts
	// as not set, as it does for the AWS SDKs. Required.
	Getenv func(string) string
	// HomeDir returns the user's home directory, "" where there is none. Required.
	HomeDir func() string
	// UserName returns the login name, "" where it is not known. It is only asked for when
	// a role session needs a name. Required.
	UserName func() string
	// Program is the base name this program was started by; a credential_process that runs
	// it is recognised as ourselves. "sts-helper" always is. Optional.
	Program string
	// OwnNames returns the names of the variables that are set and begin with STS_HELPER_; where it is
	// given, misspelt ones are refused. Optional.
	OwnNames func() []string
	// fleet is the path of the fleet's file in tests of this package; "" for the system's.
	fleet string
	// OneOfMany says that the request is one of several that the same flags and variables are for, or
	// is only looked at: an MFA code or a command for one may then be meant for another. Optional.
	OneOfMany bool
	// Reading is given the path of every file before it is read, whether it exists or not, and
	// "." where a relative name is taken from the working directory. Optional.
	Reading func(path string)
	// Seen is given what was read: the content as it is used, and the file it was found in, or
	// why it could not be read. For "." the content is the name of the working directory.
	// Optional.
	Seen func(path string, content []byte, info fs.FileInfo, err error)
}

func (e Environment) seen(path string, content []byte, info fs.FileInfo, err error) {
	if e.Seen != nil {
		e.Seen(path, content, info, err)
	}
}

func (e Environment) reading(path string) {
	if e.Reading != nil {
		e.Reading(path)
	}
}

// ProcessEnvironment is the environment of this process.
func ProcessEnvironment() Environment {
	return Environment{
		Getenv:   os.Getenv,
		HomeDir:  homeDir,
		UserName: userName,
		Program:  filepath.Base(os.Args[0]),
	}
}

// homeDir follows aws-sdk-go-v2 internal/shareddefaults: the variable first, then the user
// database, so that a service started without HOME still finds its files.
func homeDir() string {
	if home, err := os.UserHomeDir(); err == nil && home != "" {
		return home
	}
	if u, err := user.Current(); err == nil {
		return u.HomeDir
	}
	return ""
}

func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	// Windows answers DOMAIN\user.
	return u.Username[strings.LastIndexByte(u.Username, '\\')+1:]
}

// first is the value of the first variable that is set, and its name.
func (e Environment) first(names ...string) (value, name string) {
	for _, n := range names {
		if v := e.Getenv(n); v != "" {
			return v, n
		}
	}
	return "", ""
}

// expand replaces a leading ~ by the home directory and makes a relative path absolute, to
// dir where that is given, else to the working directory.
func (e Environment) expand(path, dir string) string {
	if path == os.DevNull || os.PathSeparator == '\\' && strings.EqualFold(path, os.DevNull) {
		return os.DevNull // which on Windows is in every directory
	}
	if path == "~" || strings.HasPrefix(path, "~/") || strings.HasPrefix(path, `~\`) && os.PathSeparator == '\\' {
		if home := e.HomeDir(); home != "" {
			path = filepath.Join(home, path[1:])
		}
	}
	if filepath.IsAbs(path) {
		return path
	}
	if dir != "" {
		return filepath.Join(dir, path)
	}
	e.reading(".")
	wd, err := os.Getwd()
	e.seen(".", []byte(wd), nil, err)
	if err != nil {
		return path
	}
	return filepath.Join(wd, path)
}

// xdgDir is the directory that a variable of the XDG base directory specification names, which must be absolute, else
// the one below the home directory; "" where there is none.
func (e Environment) xdgDir(variable, below string) string {
	if dir := e.Getenv(variable); filepath.IsAbs(dir) {
		return dir
	}
	home := e.HomeDir()
	if home == "" {
		return ""
	}
	return filepath.Join(home, below)
}
