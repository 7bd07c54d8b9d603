package settings

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// openAWSFiles reads the shared files where the SDKs look for them.
func openAWSFiles(env Environment) *awsconfig.Files {
	return &awsconfig.Files{
		Config:      openAWSFile(env, "AWS_CONFIG_FILE", "config"),
		Credentials: openAWSFile(env, "AWS_SHARED_CREDENTIALS_FILE", "credentials"),
	}
}

func openAWSFile(env Environment, variable, name string) awsconfig.File {
	path := env.Getenv(variable)
	if path == "" {
		home := env.HomeDir()
		if home == "" {
			return awsconfig.File{}
		}
		path = filepath.Join(home, ".aws", name)
	}
	f := awsconfig.File{Path: env.expand(path, "")}
	var info fs.FileInfo
	f.Data, info, f.Err = env.readFile(f.Path)
	switch {
	case f.Err != nil && absent(f.Err):
		f.Err = nil
	case f.Err == nil:
		f.Err = checkEncoding(f.Data)
		if f.Err == nil && info != nil {
			f.Err = safefile.CheckNotEveryones(f.Path, filepath.Dir(f.Path), info)
		}
	}
	return f
}

// openPrivateCredentials reads the credentials file that only this program is told of, in the place
// of the shared one. It holds long-term keys that other programs are not to see, so it must be the
// user's alone, and must be there.
func openPrivateCredentials(env Environment, path string) awsconfig.File {
	f := awsconfig.File{Path: path}
	data, info, err := env.readFile(path)
	if err == nil && info != nil {
		err = safefile.CheckPrivateFile(info)
	}
	if err == nil {
		err = checkEncoding(data)
	}
	if f.Err = err; err == nil {
		f.Data = data
	}
	return f
}

var errUTF16 = errors.New("it is in UTF-16, not in UTF-8 (so does > in Windows PowerShell write)")

// checkEncoding refuses UTF-16, in which no section would be found.
func checkEncoding(data []byte) error {
	if awsconfig.IsUTF16(data) {
		return errUTF16
	}
	return nil
}

// unreadable is the error for a file that is there and cannot be read, nil for none. A file
// that is missing is an empty one.
func unreadable(a *awsconfig.Files) error {
	for _, f := range []*awsconfig.File{&a.Config, &a.Credentials} {
		if f.Err != nil {
			if safefile.KindOf(f.Err) == safefile.OthersMayWrite {
				return &Error{Kind: Config, Where: display.Safe(f.Path), What: f.Err.Error() + ", and it decides which programs are run as you",
					Do: "run: " + safefile.ChmodEveryonesCommand(f.Err, display.ShellWord(f.Path), display.ShellWord(filepath.Dir(f.Path))), Err: f.Err}
			}
			return &Error{Kind: Config, Where: display.Safe(f.Path), What: "cannot read: " + f.Err.Error(),
				Do: "mend the file" + saveAs(f.Err) + ", or name another with AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE", Err: f.Err}
		}
	}
	return nil
}

// unreadable is the same for the files of a request.
func (l *loader) unreadable() error {
	g, f := l.value(sCredentialsFile), &l.files().Credentials
	if g == nil || f.Err == nil {
		return unreadable(l.files())
	}
	what, do := "cannot be used: "+f.Err.Error(), ""
	switch kind := safefile.KindOf(f.Err); {
	case absent(f.Err):
		what, do = "there is no such file", "write it, or name another with "+g.from()
	case kind == safefile.OthersMayUse:
		what, do = "it holds keys and "+f.Err.Error(), "run: "+safefile.ChmodCommand(f.Err, "600", display.ShellWord(f.Path))
	case f.Err == errUTF16:
		do = "save it as UTF-8"
	}
	return &Error{Kind: g.kind(), Where: display.Safe(f.Path), What: what, Do: do, Err: f.Err}
}

func saveAs(err error) string {
	if err == errUTF16 {
		return " (save it as UTF-8)"
	}
	return ""
}

// digest is the hex SHA-256 of the keys and values of some sections, each with its length
// in front, keys sorted. Secrets are left out: what they give access to is named by the
// rest.
func digest(sections ...*awsconfig.Profile) string {
	h := sha256.New()
	var length [8]byte
	field := func(s string) {
		binary.BigEndian.PutUint64(length[:], uint64(len(s)))
		h.Write(length[:])
		h.Write([]byte(s))
	}
	count := func(n int) {
		binary.BigEndian.PutUint64(length[:], uint64(n))
		h.Write(length[:])
	}
	var properties func(props []awsconfig.Property)
	properties = func(props []awsconfig.Property) {
		props = slices.DeleteFunc(slices.Clone(props), func(p awsconfig.Property) bool {
			return p.Key == awsconfig.KeySecretAccessKey || p.Key == awsconfig.KeySessionToken || p.Key == awsconfig.KeySecurityToken
		})
		slices.SortFunc(props, func(a, b awsconfig.Property) int { return strings.Compare(a.Key, b.Key) })
		count(len(props))
		for _, p := range props {
			field(p.Key)
			field(p.Value)
			properties(p.Sub)
		}
	}
	for _, s := range sections {
		if s != nil {
			field(s.Name)
			properties(s.Props)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// text builds a section of names and values that are in no file, for [digest].
func text(name string, pairs ...string) *awsconfig.Profile {
	p := &awsconfig.Profile{Name: name}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			p.Props = append(p.Props, awsconfig.Property{Key: pairs[i], Value: pairs[i+1]})
		}
	}
	return p
}
