package main

import (
	"strings"
	"testing"
)

// The tasks are done with what is here: sts-helper. What makes it another tool, ten at once, asks STS once.
func TestMeasure(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the product")
	}
	table, err := measure(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| | sts-helper (this checkout) |", "existing profile with `role_arn` and `source_profile`: commands, AWS's files changed, calls | 1, 0, 1 |", "codes | 1 |", "cold: calls | 1 |", "| 0 in 21, ", `did you mean "team1"?`} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is not in\n%s", want, table)
		}
	}
}
