package main

import (
	"os"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/profile"
)

func TestSettingsAlone(t *testing.T) {
	for line, want := range map[string]bool{
		"":                              true,
		"--source-profile base":         true,
		"--source-profile=base --fips":  true,
		"--fips --duration 1h":          true,
		"--source-profile login":        true,
		"--source-profile":              true,
		"login":                         false,
		"--fips login":                  false,
		"--source-profile base version": false,
		"--help":                        false,
		"-h":                            false,
		"--unknown":                     false,
		"version --help":                false,
		"-- base":                       false,
	} {
		if got := settingsAlone(strings.Fields(line)); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

// BenchmarkCommandTree is what building the commands and their flags costs every start.
func BenchmarkCommandTree(b *testing.B) {
	p := program{stdout: os.Stdout, stderr: os.Stderr, terminal: func(*os.File) bool { return false }, env: profile.ProcessEnvironment()}
	for b.Loop() {
		p.rootCommand().AddCommand(p.commands()...)
	}
}
