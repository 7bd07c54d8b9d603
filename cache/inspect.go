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
	e.Record, m = c.newest(name)
	if m == nil && NewKey(e.Record.Inputs...).String() != name {
		e.Record, m = nil, miss("the file was renamed")
	}
	e.Miss = m
	return e
}

// Names lists the names of all records, usable or not, and of those whose first fetch
// failed, sorted.
func (c *Cache) Names() ([]string, error) {
	var all []string
	found := func(name string, _ fs.FileInfo) {
		base, ok := strings.CutSuffix(name, record.Ext)
		if !ok {
			base, ok = strings.CutSuffix(name, record.StateExt)
		}
		if ok && record.IsName(base) {
			all = append(all, base)
		}
	}
	err := c.both(func(c *Cache) error { return c.each(found) })
	slices.Sort(all)
	return slices.Compact(all), err
}

// Absent reports whether the reason is that there is no such file.
func (m *Miss) Absent() bool { return m.Err == nil && m.Reason == noFile }
