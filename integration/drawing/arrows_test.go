package drawing_test

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/drawing"
)

const (
	module = "github.com/sts-helper/sts-helper/"
	root   = "../.."
)

// noHTTP are the rooms that every warm call passes through. They link neither net/http nor the
// SDK: to initialise those takes longer than the call.
var noHTTP = []string{"token", "process", "cache", "lock", "internal/awsconfig", "internal/settings", "internal/request", "internal/record", "internal/safefile", "internal/direct"}

// early are the rooms that are initialised before the SDK. The packages named here are initialised
// later, since Go takes packages in the order of their paths as soon as what they import is ready. On Windows nothing
// is answered early, and access lists need golang.org/x/sys/windows, which has net.
var early = []string{"internal/direct", "internal/record", "internal/safefile"}
var late = []string{"encoding/json", "path/filepath", "crypto/rand", "net"}

// sdk is the part of the AWS SDK that opens connections or reads configuration. Only these
// rooms and those above them have it; its small core is open to all but noHTTP.
var (
	sdk     = []string{"github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/service/", "github.com/aws/aws-sdk-go-v2/credentials"}
	withSDK = []string{"internal/rotation", "sts", "internal/broker", "internal/source", "provider"}
)

// update is for a change that is meant; the diff shows it.
var update = flag.Bool("update", false, "write the arrows of the source into docs/architecture.txt, and draw it")

type pkg struct {
	ImportPath    string
	Imports, Deps []string
}

// packages are the module's packages as they are on one system, without its name.
func packages(t *testing.T, goos string) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"...")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]pkg{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		if !strings.HasPrefix(name, "integration") {
			all[name] = p
		}
	}
}

func read(t *testing.T) *drawing.Drawing {
	t.Helper()
	d, err := drawing.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The arrows of the drawing are those of the source, on all systems together.
func TestArrows(t *testing.T) {
	found := map[string][]string{}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for name, p := range packages(t, goos) {
			found[name] = append(found[name], name) // it exists
			for _, imp := range p.Imports {
				if ours, ok := strings.CutPrefix(imp, module); ok {
					found[name] = append(found[name], ours)
				}
			}
			for what, is := range map[string]func(string) bool{
				"net/http or the SDK, which a warm call has no time for": func(dep string) bool {
					return slices.Contains(noHTTP, name) && (dep == "net/http" || strings.HasPrefix(dep, "github.com/aws/"))
				},
				"what is initialised later": func(dep string) bool {
					return goos != "windows" && slices.Contains(early, name) && slices.Contains(late, dep)
				},
				"the SDK's own sources": func(dep string) bool {
					return !slices.Contains(withSDK, name) && !strings.HasPrefix(name, "cmd/") &&
						slices.ContainsFunc(sdk, func(prefix string) bool { return strings.HasPrefix(dep, prefix) })
				},
			} {
				if i := slices.IndexFunc(p.Deps, is); i >= 0 {
					t.Errorf("%s links %s on %s: %s", name, what, goos, p.Deps[i])
				}
			}
		}
	}
	for name, imports := range found {
		slices.Sort(imports)
		found[name] = slices.DeleteFunc(slices.Compact(imports), func(s string) bool { return s == name })
	}
	if *update {
		rewrite(t, found)
	}
	rooms := read(t).Rooms()
	for _, r := range rooms {
		if found[r.Name] == nil {
			t.Errorf("the drawing has %s, and there is no such package", r.Name)
		}
	}
	for name, imports := range found {
		i := slices.IndexFunc(rooms, func(r drawing.Room) bool { return r.Name == name })
		if i < 0 {
			t.Errorf("package %s is not in docs/architecture.txt; it imports: %s", name, strings.Join(imports, " "))
		} else if !slices.Equal(rooms[i].Imports, imports) {
			t.Errorf("%s is in docs/architecture.txt with\n  -> %s\nand the source has\n  -> %s\nIf that is meant: go test ./integration/drawing -update", name, strings.Join(rooms[i].Imports, " "), strings.Join(imports, " "))
		}
	}
}

// rewrite puts the source's arrows into the drawing. Rooms are drawn by hand.
func rewrite(t *testing.T, found map[string][]string) {
	t.Helper()
	file := filepath.Join(root, "docs", "architecture.txt")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "  -> ") {
			continue
		}
		b.WriteString(line)
		name, _, _ := strings.Cut(line, ": ")
		if len(found[name]) > 0 {
			b.WriteString("  -> " + strings.Join(found[name], " ") + "\n")
		}
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every arrow goes down, or to the right.
func TestArrowsGoDown(t *testing.T) {
	rooms := read(t).Rooms()
	for i, r := range rooms {
		for _, imp := range r.Imports {
			if !slices.ContainsFunc(rooms[i+1:], func(r drawing.Room) bool { return r.Name == imp }) {
				t.Errorf("the arrow from %s to %s goes up", r.Name, imp)
			}
		}
	}
}
