package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/sts-helper/sts-helper/internal/settings"
)

// What is read without the commands is read as with them.
func TestLineOfSettings(t *testing.T) {
	for line, want := range map[string]bool{
		"":                              true,
		"--source-profile base":         true,
		"--source-profile=base --fips":  true,
		"--fips --duration 1h":          true,
		"--fips=false --region=":        true,
		"--tag a=b --tag=c=d":           true,
		"--source-profile login":        true,
		"--source-profile --fips":       true,
		"--source-profile":              false,
		"login":                         false,
		"--fips login":                  false,
		"--source-profile base version": false,
		"--help":                        false,
		"-h":                            false,
		"-v --region eu-west-1":         true,
		"-x":                            false,
		"--unknown":                     false,
		"version --help":                false,
		"-- base":                       false,
	} {
		args := strings.Fields(line)
		got, err := settings.ParseFlags(args)
		ok := err == nil
		if ok != want {
			t.Errorf("%q: %v", line, ok)
		}
		if !ok {
			continue
		}
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		flags := addSettings(set)
		if err := set.Parse(args); err != nil || !maps.EqualFunc(got, flags, slices.Equal[[]string]) {
			t.Errorf("%q: %v without, %v with the commands; %v", line, got, flags, err)
		}
	}
}

// BenchmarkCommandTree is what building the commands and their flags costs every start.
func BenchmarkCommandTree(b *testing.B) {
	p := program{stdout: os.Stdout, stderr: os.Stderr, terminal: func(*os.File) bool { return false }, env: settings.ProcessEnvironment()}
	for b.Loop() {
		p.rootCommand().AddCommand(p.commands()...)
	}
}
