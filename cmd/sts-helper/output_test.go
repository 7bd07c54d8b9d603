package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/audit"
	"github.com/sts-helper/sts-helper/internal/setup"
)

// Every field of every document of --output json is in the page about it.
func TestJSONFieldsAreDocumented(t *testing.T) {
	for _, d := range []struct {
		page string
		of   any
	}{
		{"status.md", statusProfile{}},
		{"status.md", statusRecord{}},
		{"doctor.md", checkup{}},
		{"keys.md", keyDocument{}},
		{"setup.md", setupResult{}},
		{"setup.md", setup.Undone{}},
		{"login.md", loginResults{}},
		{"login.md", logoutReport{}},
		{"audit.md", audit.Line{}},
		{"reference/json.md", audit.Report{}},
		{"reference/json.md", policyDocument{}},
		{"reference/json.md", versionOf()},
	} {
		page, err := os.ReadFile(filepath.Join("..", "..", "docs", filepath.FromSlash(d.page)))
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range jsonFields(reflect.TypeOf(d.of), nil) {
			if !strings.Contains(string(page), "`"+field+"`") {
				t.Errorf("docs/%s has no `%s`", d.page, field)
			}
		}
	}
}

// jsonFields are the names of the fields of t, and of what is in it.
func jsonFields(t reflect.Type, found []string) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return jsonFields(t.Elem(), found)
	case reflect.Struct:
	default:
		return found
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		found = jsonFields(f.Type, append(found, name))
	}
	return found
}
