package crowd_test

import (
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// Users who renew a fresh token at the same moment share the new one, whether or not the system has a clock that tells
// which came first.
func TestRenewalsAtTheSameMoment(t *testing.T) {
	harness.Long(t, "crowds, and another build of the program")
	const n = 12
	for name, binary := range map[string]func(testing.TB) string{"Linux": harness.Binary, "other systems": harness.OtherSystem} {
		t.Run(name, func(t *testing.T) {
			w := harness.NewWorld(t)
			w.Home.Bin = binary(t)
			old := w.Creds(t, w.Run(t, "--source-profile", "base"))
			release := w.STS.Gate("GetSessionToken")
			gathered := releaseGathered(t, n, release)
			results := w.RunTogether(t, n, nil, "login", "--force", "--source-profile", "base")
			all := <-gathered // else some began when the new token had been issued
			for i, r := range results {
				if r.Code != 0 {
					t.Fatalf("helper %d: exit %d, %q, %q", i, r.Code, r.Stdout, r.Stderr)
				}
			}
			if calls := w.STS.Count("GetSessionToken"); all && calls != 2 {
				t.Errorf("%d calls of STS, want the first one and one more", calls)
			}
			if w.Creds(t, w.Run(t, "--source-profile", "base")).AccessKeyId == old.AccessKeyId {
				t.Error("nothing was renewed")
			}
		})
	}
}
