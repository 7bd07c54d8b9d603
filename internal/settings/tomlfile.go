package settings

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
)

// configFile is our config.toml, read and checked whole: a mistyped key in an entry that is
// not used today is found today.
type configFile struct {
	path    string
	data    []byte
	entries []entry
	fleet   *fleet // nil for a user's file
	audit   auditTable
	agent   *agentTable
}

// entry is one [profile.NAME].
type entry struct {
	name   string
	line   int
	file   string
	values []fileValue
}

// fileValue is one key of an entry.
type fileValue struct {
	setting id
	line    int
	list    []string
	nested  bool // from the table form of tag, which may be written key by key
	inline  bool // in an inline table
}

// value finds the value of a setting, nil where the entry has none.
func (e *entry) value(setting id) *fileValue {
	for i := range e.values {
		if e.values[i].setting == setting {
			return &e.values[i]
		}
	}
	return nil
}

// openConfigFile reads the config file, nil where there is none.
func openConfigFile(env Environment) (*configFile, error) {
	path := ConfigPath(env)
	if path == "" {
		return nil, nil
	}
	data, info, err := env.readFile(path)
	if err != nil {
		if !absent(err) {
			return nil, &Error{Kind: Config, Where: display.Safe(path), What: "cannot read: " + err.Error(), Err: err}
		}
		if env.Getenv("STS_HELPER_CONFIG") != "" {
			return nil, &Error{Kind: Config, Where: display.Safe(path), What: "STS_HELPER_CONFIG names a file that does not exist",
				Do: "write it or unset the variable", Err: err}
		}
		return nil, nil
	}
	if err := checkTrusted(path, info); err != nil {
		return nil, err
	}
	f := &configFile{path: path, data: data}
	return f, f.parse()
}

func (f *configFile) names() []string {
	if f == nil {
		return nil
	}
	var all []string
	for i := range f.entries {
		all = append(all, f.entries[i].name)
	}
	return all
}

// entry finds an entry, nil where there is none.
func (f *configFile) entry(name string) *entry {
	if f == nil {
		return nil
	}
	for i := range f.entries {
		if f.entries[i].name == name {
			return &f.entries[i]
		}
	}
	return nil
}

func (f *configFile) wrong(line int, what, do string) error {
	return &Error{Kind: Config, Where: fileLine(f.path, line), What: what, Do: do}
}

// parse walks the document's syntax tree; go-toml's decoder would give no lines for what it
// accepts, and errors about values must name theirs.
func (f *configFile) parse() error {
	data := bytes.TrimPrefix(f.data, []byte("\ufeff"))
	var p unstable.Parser
	p.Reset(data)
	w := walk{file: f, parser: &p, data: data, headers: map[string]bool{}, index: map[string]int{}}
	for p.NextExpression() {
		if err := w.expression(p.Expression()); err != nil {
			return err
		}
	}
	if err := p.Error(); err != nil {
		line := bytes.Count(data, []byte{'\n'}) + 1
		if pe, ok := err.(*unstable.ParserError); ok {
			line = w.line(int(p.Range(pe.Highlight).Offset))
		}
		return f.wrong(line, "not valid TOML: "+err.Error(), "")
	}
	return nil
}

// walk is the state of one reading.
type walk struct {
	file    *configFile
	parser  *unstable.Parser
	data    []byte
	table   []string // the table that keys are in
	inline  bool     // keys are in an inline table
	headers map[string]bool
	index   map[string]int             // entry names to their places in file.entries
	counted struct{ offset, line int } // where the last line number was counted to
}

// line is the 1-based line of an offset. Offsets come in rising order, so counting goes on
// from the last one.
func (w *walk) line(offset int) int {
	if offset < w.counted.offset {
		w.counted.offset, w.counted.line = 0, 0
	}
	w.counted.line += bytes.Count(w.data[w.counted.offset:offset], []byte{'\n'})
	w.counted.offset = offset
	return w.counted.line + 1
}

// path reads a key, dotted or not.
func (w *walk) path(it unstable.Iterator) (parts []string, line int) {
	for it.Next() {
		n := it.Node()
		if line == 0 {
			line = w.line(int(n.Raw.Offset))
		}
		parts = append(parts, string(n.Data))
	}
	return parts, line
}

func (w *walk) expression(n *unstable.Node) error {
	switch n.Kind {
	case unstable.Table:
		parts, line := w.path(n.Key())
		if name := strings.Join(parts, "\x00"); w.headers[name] {
			return w.file.wrong(line, "section ["+sectionText(parts)+"] is there twice", "put its keys together")
		} else {
			w.headers[name] = true
		}
		w.table = parts
		return w.open(parts, line)
	case unstable.ArrayTable:
		parts, line := w.path(n.Key())
		return w.file.wrong(line, "[["+sectionText(parts)+"]] is an array of sections", "write [profile.NAME], once")
	case unstable.KeyValue:
		return w.keyValue(w.table, n)
	}
	return nil
}

func (w *walk) keyValue(table []string, n *unstable.Node) error {
	parts, line := w.path(n.Key())
	full := append(slices.Clone(table), parts...)
	value := n.Value()
	if value.Kind == unstable.InlineTable && (len(full) < 3 || len(full) == 3 && full[2] == settings[sTag].Key) {
		if err := w.open(full, line); err != nil {
			return err
		}
		outer := w.inline
		w.inline = true
		for it := value.Children(); it.Next(); {
			if it.Node().Kind != unstable.KeyValue {
				continue
			}
			if err := w.keyValue(full, it.Node()); err != nil {
				return err
			}
		}
		w.inline = outer
		return nil
	}
	return w.assign(full, line, value)
}

// open checks a section's name and notes the entry it is about.
func (w *walk) open(parts []string, line int) error {
	switch {
	case parts[0] == "defaults", parts[0] == "policy":
		return w.openFleet(parts, line)
	case parts[0] == "audit" && len(parts) == 1:
		return nil
	case parts[0] == "agent":
		return w.openAgent(parts, line)
	case parts[0] != "profile":
		return w.file.wrong(line, "unknown section ["+sectionText(parts)+"]", "sections are called [profile.NAME]")
	case len(parts) == 1:
		return nil
	case len(parts) > 3 || len(parts) == 3 && parts[2] != settings[sTag].Key:
		return w.file.wrong(line, "unknown section ["+sectionText(parts)+"]", "only tag may be a table inside of [profile.NAME]")
	}
	name := parts[1]
	if name == "" || len(name) > 255 || !display.Printable(name) {
		return w.file.wrong(line, "entry name "+display.Quote(name)+" is empty, too long or not plain text", "")
	}
	if _, ok := w.index[name]; !ok {
		w.index[name] = len(w.file.entries)
		w.file.entries = append(w.file.entries, entry{name: name, line: line, file: w.file.path})
	}
	return nil
}

// assign stores one value of an entry.
func (w *walk) assign(path []string, line int, value *unstable.Node) error {
	if len(path) > 1 && (path[0] == "defaults" || path[0] == "policy") {
		return w.assignFleet(path, line, value)
	}
	if len(path) == 2 && path[0] == "audit" {
		return w.audit(path[1], line, value)
	}
	if path[0] == "agent" {
		return w.assignAgent(path, line, value)
	}
	if path[0] != "profile" {
		what := "unknown key " + display.Quote(path[0])
		if _, ok := byKey(path[0]); ok {
			return w.file.wrong(line, "key "+display.Quote(path[0])+" is outside of any section", "put it under [profile.NAME]")
		}
		return w.file.wrong(line, what, "put keys under [profile.NAME]")
	}
	if len(path) < 3 {
		return w.file.wrong(line, display.Quote(sectionText(path))+" is a section, not a value", "write [profile.NAME]")
	}
	if err := w.open(path[:2], line); err != nil {
		return err
	}
	key := path[2]
	setting, ok := byKey(key)
	if !ok {
		return w.unknown(key, line)
	}
	e := &w.file.entries[w.index[path[1]]]
	if len(path) == 4 && setting == sTag {
		return w.tag(e, path[3], line, value)
	}
	if len(path) > 3 {
		return w.file.wrong(line, "unknown key "+display.Quote(strings.Join(path[2:], ".")), "")
	}
	return w.add(e, setting, line, value)
}

// add stores the value of a setting, which an entry has once.
func (w *walk) add(e *entry, setting id, line int, value *unstable.Node) error {
	list, err := w.value(&settings[setting], line, value)
	if err != nil {
		return err
	}
	if v := e.value(setting); v != nil {
		return w.twice(settings[setting].Key, line, v.line)
	}
	e.values = append(e.values, fileValue{setting: setting, line: line, list: list, inline: w.inline})
	return nil
}

func (w *walk) twice(key string, line, before int) error {
	return w.file.wrong(line, "key "+display.Quote(key)+" was given before, in line "+strconv.Itoa(before), "remove one of them")
}

// unknown is the error for a key that is none.
func (w *walk) unknown(key string, line int) error {
	switch key {
	case "mfa_code", "token_code":
		return w.file.wrong(line, "an MFA code is good for seconds and does not belong into a file",
			"give --mfa-code or STS_HELPER_MFA_CODE, or set mfa_process")
	case awsconfig.KeyAccessKeyID, awsconfig.KeySecretAccessKey, awsconfig.KeySessionToken:
		return w.file.wrong(line, "credentials do not belong into this file", "put them into an AWS profile and name it in source_profile")
	}
	return w.file.wrong(line, "unknown key "+display.Quote(key), cmp.Or(display.DidYouMean(key, keys()), "see sts-helper --help for what there is"))
}

// unknownIn is the error for a key that is none of a section with keys of its own.
func (w *walk) unknownIn(section, key string, line int, all []Setting) error {
	var known []string
	for _, s := range all {
		known = append(known, s.Key)
	}
	return w.file.wrong(line, "unknown key "+display.Quote(key)+" in ["+section+"]", oneOf(key, known))
}

// oneOf is what to write in the place of a name that is none of those known.
func oneOf(name string, known []string) string {
	return cmp.Or(display.DidYouMean(name, known), "there are "+strings.Join(known, ", "))
}

// sectionText writes a section's name as TOML would.
func sectionText(parts []string) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('.')
		}
		if p != "" && strings.Trim(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" {
			b.WriteString(p)
		} else {
			b.WriteString(display.Quote(p))
		}
	}
	return b.String()
}
