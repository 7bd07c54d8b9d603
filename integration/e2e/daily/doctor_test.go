package daily_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// Each finding is provoked, and nothing is found on a healthy home.
func TestDoctor(t *testing.T) {
	t.Parallel()
	const line = "[profile app]\ncredential_process = sts-helper --source-profile base"
	for check, provoke := range map[string]func(w *harness.World){
		"":                 func(*harness.World) {},
		"helper-not-found": func(w *harness.World) { w.Env["PATH"] = "/nowhere" },
		"tilde":            func(w *harness.World) { config(t, w, strings.Replace(line, "sts-helper", "~/bin/sts-helper", 1)) },
		"shadowing-keys": func(w *harness.World) {
			config(t, w, line+"\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARY")
		},
		"role-beside-process":  func(w *harness.World) { config(t, w, line+"\nsource_profile = base") },
		"login-beside-process": func(w *harness.World) { config(t, w, line+"\nsso_session = corp") },
		"shadowing-variable":   func(w *harness.World) { w.Env["AWS_ACCESS_KEY_ID"] = "AKIAIOSFODNN7EXAMPLE" },
		"mode":                 func(w *harness.World) { harness.Must(t, os.Chmod(filepath.Join(w.Dir, ".aws", "credentials"), 0o644)) },
		"clock":                func(w *harness.World) { w.STS.SetNow(func() time.Time { return time.Now().Add(time.Hour) }) },
		"endpoint":             func(w *harness.World) { w.Env["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:1" },
		"short-life":           func(w *harness.World) { config(t, w, line+" --duration 15m") },
		"cache":                func(w *harness.World) { harness.Must(t, w.Write(".cache/sts-helper", "no directory")) },
		"configuration":        func(w *harness.World) { config(t, w, strings.Replace(line, "base", "missing", 1)) },
	} {
		t.Run(check, func(t *testing.T) {
			w := harness.NewWorld(t)
			config(t, w, line)
			harness.Must(t, os.Chmod(filepath.Join(w.Dir, ".aws", "credentials"), 0o600))
			provoke(w)
			r := w.Run(t, "doctor", "--output", "json")
			var doc struct {
				Healthy  bool
				Findings []struct{ Check, Problem, Mend string }
			}
			if err := json.Unmarshal([]byte(r.Stdout), &doc); err != nil {
				t.Fatalf("exit %d, %v, %q, %q", r.Code, err, r.Stdout, r.Stderr)
			}
			var checks []string
			for _, f := range doc.Findings {
				checks = append(checks, f.Check)
			}
			code := harness.ExitConfig
			if check == "" {
				code = 0
			}
			if r.Code != code || doc.Healthy != (check == "") || check != "" && !slices.Contains(checks, check) || check == "" && checks != nil {
				t.Errorf("exit %d, %s%s", r.Code, r.Stdout, r.Stderr)
			}
			if n := w.STS.Count("GetSessionToken"); n != 0 {
				t.Errorf("STS was asked for credentials %d times", n)
			}
		})
	}
}

func config(t *testing.T, w *harness.World, text string) {
	t.Helper()
	harness.Must(t, w.Write(".aws/config", text+"\n"))
}
