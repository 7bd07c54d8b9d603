package settings

import (
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/sts-helper/sts-helper/internal/display"
)

// tag stores one tag of the table form.
func (w *walk) tag(e *entry, key string, line int, value *unstable.Node) error {
	if value.Kind != unstable.String {
		return w.file.wrong(line, "tag "+display.Quote(key)+" is "+kindText(value.Kind)+", not a string", "put the value in quotes")
	}
	pair := key + "=" + string(value.Data)
	for i := range e.values {
		v := &e.values[i]
		if v.setting != sTag {
			continue
		}
		if !v.nested {
			return w.file.wrong(line, "tags are given as a list in line "+strconv.Itoa(v.line)+" and as a table here", "choose one")
		}
		for _, old := range v.list {
			if strings.HasPrefix(old, key+"=") {
				return w.file.wrong(line, "tag "+display.Quote(key)+" is there twice", "remove one of them")
			}
		}
		v.list = append(v.list, pair)
		return nil
	}
	e.values = append(e.values, fileValue{setting: sTag, line: line, list: []string{pair}, nested: true})
	return nil
}

// value reads a value as the setting's kind wants it.
func (w *walk) value(s *Setting, line int, n *unstable.Node) ([]string, error) {
	want := "a string"
	switch s.Kind {
	case Bool:
		want = "true or false, without quotes"
		if n.Kind == unstable.Bool {
			return []string{string(n.Data)}, nil
		}
	case Duration:
		want = `a duration like "12h", or a number of seconds`
		if n.Kind == unstable.Integer {
			i, err := strconv.ParseInt(string(n.Data), 0, 64)
			if err != nil || i < 0 {
				return nil, w.file.wrong(line, s.Key+" is out of range", "")
			}
			return []string{strconv.FormatInt(i, 10)}, nil
		}
	case List:
		want = "an array of strings"
		if n.Kind == unstable.Array {
			list := []string{}
			for it := n.Children(); it.Next(); {
				switch it.Node().Kind {
				case unstable.Comment:
				case unstable.String:
					list = append(list, string(it.Node().Data))
				default:
					return nil, w.file.wrong(line, s.Key+" has "+kindText(it.Node().Kind)+" in it; it must be "+want, "")
				}
			}
			return list, nil
		}
	}
	if n.Kind != unstable.String || s.Kind == Bool {
		return nil, w.file.wrong(line, s.Key+" is "+kindText(n.Kind)+"; it must be "+want, "")
	}
	return []string{string(n.Data)}, nil
}

func kindText(k unstable.Kind) string {
	switch k {
	case unstable.String:
		return "a string"
	case unstable.Bool:
		return "a boolean"
	case unstable.Integer, unstable.Float:
		return "a number"
	case unstable.Array:
		return "an array"
	case unstable.InlineTable:
		return "a table"
	}
	return "a date or time"
}
