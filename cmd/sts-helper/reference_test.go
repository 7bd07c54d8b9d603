package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// updateReference is for a change that is meant; the diff shows it.
var updateReference = flag.Bool("update", false, "write docs/reference anew")

const generated = "<!-- Made from the program's own help by \"make reference\". -->\n\n"

// docs/reference has what the program says of itself: a page for each command, one for the settings,
// one for the exit codes. The man pages are made from them.
func TestReference(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "reference")
	pages := referencePages()
	if *updateReference {
		old, err := filepath.Glob(filepath.Join(dir, "sts-helper*.md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range old {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range pages {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range pages {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("docs/reference/%s is not what the program says now (%v); run: make reference", name, err)
		}
	}
	there, err := filepath.Glob(filepath.Join(dir, "sts-helper*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range there {
		if pages[filepath.Base(name)] == "" {
			t.Errorf("there is no command for %s; run: make reference", name)
		}
	}
}

func referencePages() map[string]string {
	var p program
	root := p.rootCommand()
	root.AddCommand(p.commands()...)
	checkTopics(root)
	useHelp(root)
	pages := map[string]string{"settings.md": settingsPage(), "exit-codes.md": exitsPage()}
	var list strings.Builder
	var add func(cmd *cobra.Command)
	add = func(cmd *cobra.Command) {
		file := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".md"
		pages[file] = commandPage(cmd)
		fmt.Fprintf(&list, "| [%s](%s) | %s |\n", cmd.CommandPath(), file, cell(cmd.Short))
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() && c.Name() != "help" && cmd.Name() != "completion" {
				add(c)
			}
		}
	}
	add(root)
	pages["commands.md"] = "# Commands\n\n" + generated +
		"`sts-helper help COMMAND` says the same, and so do the man pages (`make man`).\n\n| command | what it does |\n|---|---|\n" + list.String()
	return pages
}

func commandPage(cmd *cobra.Command) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# %s\n\n%s%s.\n\n## Synopsis\n\n    %s\n\n## Description\n\n%s\n", cmd.CommandPath(), generated, cmd.Short, cmd.UseLine(), strings.TrimSpace(markdown(cmd.Long)))
	if below := slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool { return !c.IsAvailableCommand() || c.Name() == "help" }); len(below) > 0 && cmd.Name() != "completion" {
		out.WriteString("\n## Commands\n\n| command | what it does |\n|---|---|\n")
		for _, c := range below {
			fmt.Fprintf(&out, "| [%s](%s.md) | %s |\n", c.Name(), strings.ReplaceAll(c.CommandPath(), " ", "-"), cell(c.Short))
		}
	}
	var own []string
	settable := false
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, setting := f.Value.(*settingFlag); setting {
			settable = true
		} else if !f.Hidden && f.Name != "help" {
			value, usage := pflag.UnquoteUsage(f)
			name := "`--" + f.Name + "`"
			if value != "" {
				name = "`--" + f.Name + " " + value + "`"
			}
			if f.Shorthand != "" {
				name = "`-" + f.Shorthand + "`, " + name
			}
			if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0s" && f.DefValue != "0" {
				usage += " (default " + f.DefValue + ")"
			}
			own = append(own, fmt.Sprintf("| %s | %s |\n", name, cell(usage)))
		}
	})
	if len(own) > 0 {
		out.WriteString("\n## Flags\n\n| flag | meaning |\n|---|---|\n" + strings.Join(own, ""))
	}
	if settable {
		out.WriteString("\nThe settings are flags of it, too: [sts-helper-settings](settings.md).\n")
	}
	out.WriteString("\n## Exit codes\n\nSee [sts-helper-exit-codes](exit-codes.md).\n")
	return out.String()
}

// markdown is a help text for a page: what it indents by two blanks or more is a block.
func markdown(help string) string {
	var out []string
	for line := range strings.Lines(help) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "    ") {
			line = "  " + line
		}
		if !strings.HasPrefix(line, "    ") {
			line = strings.NewReplacer("*", `\*`, "<", `\<`, "_", `\_`).Replace(line)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// cell is a text for a table's cell.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", `\<`).Replace(text)
}

func settingsPage() string {
	var out strings.Builder
	out.WriteString("# Settings\n\n" + generated +
		"Every setting is a flag, a variable, and a key in `[profile.NAME]` of `$XDG_CONFIG_HOME/sts-helper/config.toml`\n" +
		"(`~/.config/sts-helper/config.toml`). A flag wins over a variable, a variable over the file, and the file over AWS's own\n" +
		"settings. `sts-helper help settings` says the same. Everything works without the file:\n\n" +
		"    [profile.dev]\n    source_profile = \"base\"\n    role_arn = \"arn:aws:iam::111122223333:role/deploy\"\n    duration = \"1h\"\n\n" +
		"is what `credential_process = sts-helper --profile dev` gives. Without `--profile`, `[profile.default]` is used where there\n" +
		"is one. Unknown keys are errors that name the line and the nearest known key. A file that other users may change is refused.\n\n" +
		"AWS's own variables and files mean what they mean everywhere: `AWS_CONFIG_FILE`, `AWS_SHARED_CREDENTIALS_FILE`,\n" +
		"`AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL_STS`, `AWS_CA_BUNDLE`, `AWS_USE_FIPS_ENDPOINT`, proxies. Our settings never go\n" +
		"into an AWS profile under names that SDKs read: with `source_profile` beside `credential_process` the Go SDK refuses\n" +
		"the profile.\n")
	byFlag := map[string]settings.Setting{}
	for _, s := range settings.Settings() {
		byFlag[s.Flag] = s
	}
	for _, g := range settingGroups {
		fmt.Fprintf(&out, "\n## %s\n\n| flag | variable | key | meaning |\n|---|---|---|---|\n", g.title)
		for _, name := range g.flags {
			s := byFlag[name]
			flag, key := strings.TrimSpace("--"+s.Flag+" "+s.Value), ""
			if s.Key != "" {
				key = "`" + s.Key + "`"
			}
			fmt.Fprintf(&out, "| `%s` | `%s` | %s | %s |\n", flag, s.Env, key, cell(s.Help))
		}
	}
	out.WriteString("\nA list is a repeated flag, an array of strings in the file, and in a variable lines, or values between commas. A time is\n" +
		"`12h`, `90m` or whole seconds. A path begins with `~` for the home directory; in the file a relative one starts at the\n" +
		"file's directory.\n")
	out.WriteString("\n## Coding agents and CI systems\n\nThese are keys of `[agent]` in config.toml, and in the fleet's file; [agents](../howto/agents.md) says what they do.\n\n" +
		"| key | meaning |\n|---|---|\n")
	for _, s := range settings.AgentKeys() {
		fmt.Fprintf(&out, "| `%s` | %s |\n", s.Key, cell(s.Help))
	}
	out.WriteString("\nWhere one of these variables is not empty, an agent or a CI system asks. Of several the first one names it.\n\n" +
		"| variable | `{agent}` | who sets it | where that is said or done |\n|---|---|---|---|\n")
	for _, s := range settings.Signs() {
		fmt.Fprintf(&out, "| `%s` | `%s` | %s | %s |\n", s.Variable, s.ID, cell(s.Name), cell(s.Source))
	}
	return out.String()
}

func exitsPage() string {
	var out strings.Builder
	out.WriteString("# Exit codes\n\n" + generated + "| code | meaning |\n|---|---|\n")
	for _, e := range failure.Exits() {
		fmt.Fprintf(&out, "| %d | %s |\n", e.Code, cell(e.Meaning))
	}
	out.WriteString("\n`exec` ends with the exit code of the command that it runs.\n")
	return out.String()
}
