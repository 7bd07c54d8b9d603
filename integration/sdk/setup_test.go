package sdk_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// TestSetup: what an SDK gets from a profile before setup takes it over, it gets afterwards, under
// the same name, from the helper; and after setup is undone again without it. A credential_process
// beside what wins over it would not do, which is why setup moves lines.
func TestSetup(t *testing.T) {
	inside(t)
	for _, r := range rows() {
		t.Run(r.id, func(t *testing.T) {
			if tool := r.missing(); tool != "" {
				if os.Getenv("CI") != "" {
					t.Fatalf("%s is missing", tool)
				}
				t.Skipf("%s is missing: make sdk-tools", tool)
			}
			w := newWorld(t)
			config := fmt.Sprintf("# mine\n[profile app]\nrole_arn = arn:aws:iam::%s:role/deploy\nsource_profile = base\nregion = %s\n[profile base]\nregion = %s\n", account, region, region)
			harness.Must(t, w.Write(".aws/config", config))
			role := "arn:aws:sts::" + account + ":assumed-role/deploy/"
			keyed := w.read(t, ".aws/credentials")
			native := func(when string) {
				t.Helper()
				w.mark()
				// minio-go knows no roles; Debian's CLI takes an endpoint for its command only, and
				// would ask AWS for the role.
				if r.id != "minio" && r.id != "debian" {
					w.is(t, w.run(t, r, "app"), role)
				}
				if o := w.run(t, r, "base"); o.ARN != w.user.ARN || w.lastIdentity().AccessKeyID != w.user.AccessKeyID {
					t.Errorf("%s: it is %q by %s\n%s", when, o.ARN, w.lastIdentity().AccessKeyID, o.output)
				}
				if n := w.helpers() - w.helper0; n != 0 {
					t.Errorf("%s: the helper was run %d times", when, n)
				}
			}
			native("before")

			w.setup(t, "--yes", "--move-keys")
			if strings.Contains(w.read(t, ".aws/credentials"), w.user.SecretAccessKey) {
				t.Error("the key is still where every program reads it")
			}
			w.countRuns(t)
			w.mark()
			w.is(t, w.run(t, r, "app"), role)
			w.isAlice(t, w.run(t, r, "base"))
			if n := w.helpers() - w.helper0; n < 2 {
				t.Errorf("the helper was run %d times for two profiles", n)
			}

			w.discount(t)
			w.setup(t, "--remove", "--yes")
			if w.read(t, ".aws/config") != config || w.read(t, ".aws/credentials") != keyed {
				t.Error("the files are not as they were")
			}
			native("after it is undone")
			w.neverRefused(t)
		})
	}
}

func (w *world) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(w.Dir, name))
	harness.Must(t, err)
	return string(b)
}

func (w *world) setup(t *testing.T, args ...string) {
	t.Helper()
	cmd := w.Home.Command(t.Context(), append([]string{"setup"}, args...)...)
	if r := harness.Finish(cmd); r.Code != 0 || r.Leaks() != nil {
		t.Fatalf("exit %d, %v\n%s%s", r.Code, r.Leaks(), r.Stdout, r.Stderr)
	}
}

const processKey = "credential_process = "

// countRuns lets the profiles run the wrapper that counts, and discount lets them run the helper.
func (w *world) countRuns(t *testing.T) {
	t.Helper()
	w.reroute(t, filepath.Join(binaries, "sts-helper"), filepath.Join(w.Dir, "counted"))
}

func (w *world) discount(t *testing.T) {
	t.Helper()
	w.reroute(t, filepath.Join(w.Dir, "counted"), filepath.Join(binaries, "sts-helper"))
}

func (w *world) reroute(t *testing.T, from, to string) {
	t.Helper()
	before := w.read(t, ".aws/config")
	after := strings.ReplaceAll(before, processKey+from+" ", processKey+to+" ")
	if after == before {
		t.Fatalf("no profile runs %s:\n%s", from, before)
	}
	harness.Must(t, w.Write(".aws/config", after))
}
