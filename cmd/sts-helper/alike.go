package main

import (
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
)

// asides are the inputs of a key that say where STS was asked, and which name the session
// got. They differ from shell to shell, and the credentials are the same person's.
var asides = [...]string{"region", "endpoint", "fips", "dual_stack", "partition", "role_session_name"}

func aside(name string) bool { return slices.Contains(asides[:], name) }

// shelf is what the records of a cache were made of, by their names.
type shelf map[string][]cache.Input

func shelfOf(c *cache.Cache) (shelf, error) {
	names, err := c.Names()
	all := shelf{}
	for _, name := range names {
		if e := c.Inspect(name); e.Record != nil {
			all[name] = e.Record.Inputs
		}
	}
	return all, err
}

// alike are the names of the records that b's request has, or would have in another region,
// at another endpoint or under another session name; b's own comes first, be it there or not.
func (s shelf) alike(b *broker.Provider) []string {
	own := b.Key().String()
	var others []string
	for name, inputs := range s {
		if name != own && s.same(inputs, b) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return append([]string{own}, others...)
}

// same reports whether the inputs are b's apart from asides, those of its bases included.
func (s shelf) same(inputs []cache.Input, b *broker.Provider) bool {
	return slices.EqualFunc(inputs, b.Key().Inputs(), func(x, y cache.Input) bool {
		switch {
		case x.Name != y.Name:
			return false
		case aside(x.Name):
			return true
		case x.Value == nil || y.Value == nil:
			return x.Value == y.Value
		case x.Name != "base" || b.Base() == nil || *x.Value == *y.Value:
			return *x.Value == *y.Value
		}
		if below, ok := s[*x.Value]; ok {
			return s.same(below, b.Base())
		}
		return *x.Value == moved(b.Base(), inputs) // removed before its roles
	})
}

// moved is the name of b's record if b were asked for where to says, under the same names.
func moved(b *broker.Provider, to []cache.Input) string {
	inputs := b.Key().Inputs()
	for i, in := range inputs {
		switch {
		case in.Name == "base" && b.Base() != nil:
			inputs[i] = cache.Present("base", moved(b.Base(), to))
		case in.Name != "role_session_name" && aside(in.Name):
			if at := slices.IndexFunc(to, func(t cache.Input) bool { return t.Name == in.Name }); at >= 0 {
				inputs[i] = to[at]
			}
		}
	}
	return cache.NewKey(inputs...).String()
}

// apart says in which asides a record differs from what b asks for: ", made with region
// eu-west-1".
func apart(inputs []cache.Input, b *broker.Provider) string {
	var all []string
	own := b.Key().Inputs()
	for i, in := range inputs {
		if i >= len(own) || !aside(in.Name) || in.Name == "partition" {
			continue // the region implies it
		}
		words := strings.ReplaceAll(in.Name, "_", " ")
		switch was, is := in.Value, own[i].Value; {
		case was == nil && is != nil:
			all = append(all, "no "+words)
		case was != nil && (is == nil || *was != *is):
			all = append(all, words+" "+display.Safe(*was))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return ", made with " + strings.Join(all, ", ")
}
