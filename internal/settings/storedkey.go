package settings

import (
	"cmp"
	"os"
	"path/filepath"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/storedkey"
)

// KeysDir is where the descriptions of stored keys are: below XDG_DATA_HOME where that is absolute, else below
// ~/.local/share; "" where there is neither a variable nor a home directory.
func KeysDir(env Environment) string {
	dir := env.xdgDir("XDG_DATA_HOME", ".local/share")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "sts-helper", "keys")
}

// storedKey is the key that source_key names, by its description: the store is asked when the key has to sign.
func (l *loader) storedKey() (sourceChain, error) {
	g := l.value(sSourceKey)
	name := g.text()
	if !storedkey.ValidName(name) {
		return sourceChain{}, g.wrong(display.Quote(name)+" is no name of a stored key", "sts-helper keys list shows them")
	}
	dir := KeysDir(l.env)
	if dir == "" {
		return sourceChain{}, g.wrong("without a home directory there are no stored keys", "set HOME")
	}
	file := storedkey.Path(dir, name)
	data, info, err := l.env.readFile(file)
	if err == nil && info != nil {
		err = safefile.CheckPrivateFile(info)
	}
	var k *storedkey.Key
	if err == nil {
		k, err = storedkey.Parse(data, name)
	}
	switch {
	case absent(err):
		return sourceChain{}, g.wrong("there is no stored key "+display.Quote(name),
			cmp.Or(display.DidYouMean(name, keyNames(dir)), "add it: sts-helper keys add "+display.ShellWord(name)))
	case err != nil:
		return sourceChain{}, &Error{Kind: Config, Where: display.Safe(file), What: err.Error(), Do: "add the key again: sts-helper keys add " + display.ShellWord(name) + " --replace", Err: err}
	}
	return sourceChain{serial: k.MFASerial, source: request.Source{Kind: request.SourceKey, AccessKeyID: k.AccessKeyID, Stored: &request.Stored{Name: name, File: file}}}, nil
}

// keyNames are the names of all stored keys, for an error.
func keyNames(dir string) []string {
	entries, _ := os.ReadDir(dir)
	return storedkey.NamesOf(entries)
}
