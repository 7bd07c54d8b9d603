package request

import (
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/display"
)

// locationInputs are the inputs of a key that say where STS was asked, and which name the
// session got. They differ from shell to shell, and the credentials are the same identity's.
var locationInputs = [...]inputName{inputRegion, inputEndpoint, inputFIPS, inputDualStack, inputPartition, inputRoleSessionName}

func isLocation(name string) bool { return slices.Contains(locationInputs[:], inputName(name)) }

// RecordIndex holds what the records of a cache were made of, by their names.
type RecordIndex map[string][]cache.Input

// IndexRecords reads the records of a cache.
func IndexRecords(c *cache.Cache) (RecordIndex, error) {
	names, err := c.Names()
	all := RecordIndex{}
	for _, name := range names {
		if e := c.Inspect(name); e.Record != nil {
			all[name] = e.Record.Inputs
		}
	}
	return all, err
}

// Equivalent are the names of the records that r has, or would have in another region, at
// another endpoint or under another session name. Its own comes first, whether it exists or not.
func (x RecordIndex) Equivalent(r *Request) []string {
	own := KeyOf(r).String()
	var others []string
	for name, inputs := range x {
		if name != own && x.equivalent(inputs, r) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return append([]string{own}, others...)
}

// equivalent reports whether the inputs are r's apart from the location, those of its bases
// included.
func (x RecordIndex) equivalent(inputs []cache.Input, r *Request) bool {
	return slices.EqualFunc(inputs, KeyOf(r).Inputs(), func(a, b cache.Input) bool {
		switch {
		case a.Name != b.Name:
			return false
		case isLocation(a.Name):
			return true
		case a.Value == nil || b.Value == nil:
			return a.Value == b.Value
		case a.Name != string(inputBase) || r.Base == nil || *a.Value == *b.Value:
			return *a.Value == *b.Value
		}
		if below, ok := x[*a.Value]; ok {
			return x.equivalent(below, r.Base)
		}
		return *a.Value == keyAtLocation(r.Base, inputs) // removed before its roles
	})
}

// FromLogin are the names of the records whose credentials came from the login in that file, in
// the end.
func (x RecordIndex) FromLogin(file string) []string {
	var all []string
	for name, inputs := range x {
		for ok := true; ok; {
			if value(inputs, inputSourceLogin) == file {
				all = append(all, name)
				break
			}
			inputs, ok = x[value(inputs, inputBase)]
		}
	}
	slices.Sort(all)
	return all
}

// keyAtLocation is the name of r's record if r were asked for where at says, under the same
// session names.
func keyAtLocation(r *Request, at []cache.Input) string {
	inputs := KeyOf(r).Inputs()
	for i, in := range inputs {
		switch {
		case in.Name == string(inputBase) && r.Base != nil:
			inputs[i] = present(inputBase, keyAtLocation(r.Base, at))
		case in.Name != string(inputRoleSessionName) && isLocation(in.Name):
			if j := slices.IndexFunc(at, func(t cache.Input) bool { return t.Name == in.Name }); j >= 0 {
				inputs[i] = at[j]
			}
		}
	}
	return cache.NewKey(inputs...).String()
}

// DiffLocation says in which location inputs an equivalent record differs from what r asks
// for: ", made with region eu-west-1"; "" where it does not.
func DiffLocation(inputs []cache.Input, r *Request) string {
	var all []string
	own := KeyOf(r).Inputs()
	for i, in := range inputs {
		if i >= len(own) || !isLocation(in.Name) || in.Name == string(inputPartition) {
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
