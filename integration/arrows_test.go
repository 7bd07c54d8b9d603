package integration_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sts-helper/sts-helper/"

// arrows are the imports of ours that each package may have, and no others.
var arrows = map[string][]string{
	"token":             {},
	"lock":              {},
	"internal/safefile": {},
	"internal/direct":   {"internal/record", "internal/safefile"},
	"policy":            {"internal/display"},
	"internal/display":  {},
	"internal/awsname":  {"internal/display"},
	"internal/record":   {},
	"internal/mfa":      {"internal/awsname", "internal/display", "internal/failure", "internal/child"},
	"process":           {"internal/record", "token"},
	"internal/child":    {"internal/display"},
	"imds":              {"token", "internal/record", "internal/safefile", "internal/awsname"},
	"sts":               {"token", "policy", "internal/display", "internal/awsname"},
	"cache":             {"internal/failure", "internal/record", "internal/safefile", "lock", "token"},
	"handoff":           {"token", "internal/display"},
	"internal/request":  {"cache", "internal/display"},
	"internal/settings": {"internal/awsname", "internal/display", "internal/failure", "internal/record", "internal/request", "internal/safefile", "policy"},
	"internal/source":   {"cache", "internal/display", "internal/failure", "internal/request", "internal/safefile", "process", "token", "internal/child"},
	"internal/broker":   {"cache", "internal/display", "internal/failure", "internal/mfa", "internal/request", "internal/safefile", "internal/settings", "internal/source", "lock", "sts", "token", "internal/awsname", "internal/child", "internal/record", "handoff", "process"},
	"provider":          {"internal/broker", "internal/failure", "internal/settings"},
	"internal/failure":  {},

	"internal/source/identitycenter": {"internal/source/loginfile", "internal/source/oauth", "token"},
	"internal/source/loginfile":      {"internal/safefile"},
	"internal/source/oauth":          {"internal/display"},
}

// sdk is the part of the AWS SDK that opens connections or reads configuration: only sts and
// internal/broker have it. Everybody may have the SDK's small core.
var sdk = []string{
	"github.com/aws/aws-sdk-go-v2/config",
	"github.com/aws/aws-sdk-go-v2/service/",
	"github.com/aws/aws-sdk-go-v2/credentials",
}

// withoutHTTP are the packages that every warm call is made of, which must not link net/http.
var withoutHTTP = []string{"token", "lock", "internal/direct", "process", "cache", "internal/request", "internal/settings"}

func TestArrows(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			ImportPath    string
			Imports, Deps []string
		}
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(pkg.ImportPath, module)
		allowed, known := arrows[name]
		seen[name] = true
		if !known {
			if !strings.HasPrefix(name, "cmd/") && !strings.HasPrefix(name, "integration") {
				t.Errorf("package %s is not in the drawing", name)
			}
			continue
		}
		for _, imp := range pkg.Imports {
			if ours, ok := strings.CutPrefix(imp, module); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s", name, ours)
			}
		}
		if slices.Contains(withoutHTTP, name) && slices.Contains(pkg.Deps, "net/http") {
			t.Errorf("%s links net/http", name)
		}
		if name == "sts" || name == "internal/source" || name == "internal/broker" || name == "provider" {
			continue
		}
		for _, dep := range pkg.Deps {
			for _, prefix := range sdk {
				if strings.HasPrefix(dep, prefix) {
					t.Errorf("%s depends on %s", name, dep)
				}
			}
		}
	}
	for name := range arrows {
		if !seen[name] {
			t.Errorf("there is no package %s", name)
		}
	}
}
