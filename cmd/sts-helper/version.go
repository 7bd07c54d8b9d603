package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version and commit are set by the linker for releases; a build from a checkout or by
// "go install" records them itself.
var version, commit string

func (p *program) versionCommand() *cobra.Command {
	var output outputForm
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print version, commit and Go version",
		Long:  "Print version, commit and Go version, as --version does:\n\n    sts-helper version\n    sts-helper version --output json",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			if output == outputJSON {
				return p.printJSON(versionOf())
			}
			_, err := fmt.Fprintln(p.stdout, versionLine())
			return err
		},
	}
	addOutput(cmd, &output)
	return cmd
}

// build says which program this is; docs/reference/json.md has the fields.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func versionLine() string {
	b := versionOf()
	return fmt.Sprintf("sts-helper %s, commit %s, %s %s/%s", b.Version, b.Commit, b.Go, b.OS, b.Arch)
}

func versionOf() build {
	v, c := version, commit
	if info, ok := debug.ReadBuildInfo(); ok {
		if v == "" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && c == "" {
				c = s.Value
			}
		}
	}
	if v == "" {
		v = "(devel)"
	}
	if c == "" {
		c = "unknown"
	}
	return build{v, c, runtime.Version(), runtime.GOOS, runtime.GOARCH}
}
