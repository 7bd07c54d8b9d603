package sdk_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// goTests are the packages of the Go SDK whose own integration tests are for an EC2 instance (build tags
// integration and ec2env), and what each has of them.
var goTests = map[string][]string{
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds": {
		"TestInteg_GetDynamicData", "TestInteg_GetIAMInfo", "TestInteg_GetInstanceIdentityDocument", "TestInteg_GetMetadata", "TestInteg_GetRegion",
	},
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds": {"TestInteg_RetrieveCredentials"},
}

// buildGoTests compiles them, out of the module cache, as this module requires them.
func buildGoTests(dir string) error {
	for pkg := range goTests {
		_, err := harness.Shared(dir, func(dir string) (string, error) {
			bin := filepath.Join(dir, filepath.Base(pkg)+".test")
			out, err := exec.CommandContext(context.Background(), "go", "test", "-c", "-tags", "integration ec2env", "-o", bin, pkg).CombinedOutput()
			if err != nil {
				return "", &buildError{pkg, out}
			}
			return bin, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

type buildError struct {
	pkg string
	out []byte
}

func (e *buildError) Error() string { return "go test -c " + e.pkg + ": " + string(e.out) }

// What the Go SDK's makers run on an instance passes here, at a port and at the built-in address. There is no
// user data: "nothing more of EC2".
func TestIntegrationTestsOfTheGoSDK(t *testing.T) {
	inside(t)
	theAddress.Lock()
	defer theAddress.Unlock()
	w := newWorld(t)
	s := w.serve(t, "--listen", "169.254.169.254:80", "--loopback-alias", "169.254.169.254")
	for name, env := range map[string][]string{
		"port":    {"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + s.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"], "AWS_EC2_METADATA_V1_DISABLED=true"},
		"address": nil,
	} {
		for pkg, tests := range goTests {
			t.Run(name+"/"+filepath.Base(pkg), func(t *testing.T) {
				cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, filepath.Base(pkg)+".test"), "-test.run", "^TestInteg", "-test.v")
				cmd.Env = append(w.Environ(env...), "AWS_EC2_METADATA_DISABLED=false")
				cmd.Dir = w.Dir
				r := harness.Finish(cmd)
				if r.Code != 0 {
					t.Fatalf("exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
				}
				for _, test := range tests {
					if !regexp.MustCompile(`(?m)^--- PASS: ` + test + ` `).MatchString(r.Stdout) {
						t.Errorf("%s did not pass:\n%s", test, r.Stdout)
					}
				}
			})
		}
	}
}
