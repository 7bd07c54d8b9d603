package cache

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/record"
)

// Entry is one record found in the cache, or one that cannot be used and why.
type Entry struct {
	Name   string // 64 hexadecimal digits
	Record *Record
	Miss   *Miss
	State  State
}

// Inspect says what there is of the record with that name, a [Key]'s String: the record, or
// why it cannot be used, and how refreshing it went.
func (c *Cache) Inspect(name string) Entry {
	e := Entry{Name: name, State: c.loadState(name)}
	var m *Miss
	e.Record, m = c.newest(name, nil)
	if m == nil && NewKey(e.Record.Inputs...).String() != name {
		e.Record, m = nil, miss("the file was renamed")
	}
	e.Miss = m
	return e
}

// RecordFile is the record of key with what is in its file, nil where there is none that can be used. It
// is the file in the directory that [Cache.Path] names.
func (c *Cache) RecordFile(key Key) (*Record, []byte) {
	data, m := c.readOwn(key.String() + record.Ext)
	if m != nil {
		return nil, nil
	}
	r, m := decodeRecord(data)
	if m != nil || NewKey(r.Inputs...).String() != key.String() {
		return nil, nil
	}
	return r, data
}

// Names lists the names of all records, usable or not, and of those whose first fetch
// failed, sorted.
func (c *Cache) Names() ([]string, error) {
	var all []string
	found := func(file string, _ fs.FileInfo) {
		if name, ok := recordName(file); ok {
			all = append(all, name)
		}
	}
	err := c.both(func(c *Cache) error { return c.each(found) })
	slices.Sort(all)
	return slices.Compact(all), err
}

// recordName is the name of the record that a file holds, or holds the state of.
func recordName(file string) (string, bool) {
	name, ok := strings.CutSuffix(file, record.Ext)
	if !ok {
		name, ok = strings.CutSuffix(file, record.StateExt)
	}
	return name, ok && record.IsName(name)
}

// Absent reports whether the reason is that there is no such file.
func (m *Miss) Absent() bool { return m.Err == nil && m.Reason == noFile }
