package stsfield_test

import (
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/stsfield"
)

func TestParseCode(t *testing.T) {
	for in, want := range map[string]string{
		"123456":               "123456",
		"000000":               "000000",
		" 123456\r\n":          "123456",
		"123 456":              "123456",
		"12 34 56\n":           "123456",
		"123\u00a0456":         "123456",
		"\t123\u202f456\t":     "123456",
		"":                     "",
		"\n":                   "",
		"12345":                "",
		"1234567":              "",
		"12345a":               "",
		"123\n456":             "",
		"123-456":              "",
		"+23456":               "",
		"１２３４５６":               "", // full-width digits
		"١٢٣٤٥٦":               "", // Arabic-Indic digits
		"123456\x00":           "",
		"\u202e123456":         "",
		"123456 123456":        "",
		"code: 123456":         "",
		strings.Repeat(" ", 9): "",
	} {
		got, err := stsfield.ParseCode(in)
		if got != want || (want == "") != (err != nil) {
			t.Errorf("ParseCode(%q) = %q, %v; want %q", in, got, err, want)
		}
		if word := strings.TrimSpace(in); err != nil && len(word) > 1 && strings.Contains(err.Error(), word) {
			t.Errorf("ParseCode(%q): the error repeats the input: %v", in, err)
		}
	}
}
