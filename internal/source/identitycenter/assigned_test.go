package identitycenter_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sts-helper/sts-helper/internal/source/identitycenter"
	"github.com/sts-helper/sts-helper/internal/source/loginfile"
)

// The lists come in pages of a hundred.
func TestAssignedRoles(t *testing.T) {
	t.Parallel()
	f := start(t)
	for i := range 101 {
		f.e.Assign("alice", account, fmt.Sprintf("role%03d", i))
		f.e.Assign("alice", fmt.Sprintf("%012d", i), "Read")
	}
	f.signIn()
	l, err := identitycenter.Read(f.path)
	if err != nil {
		t.Fatal(err)
	}
	all, err := f.s.AssignedRoles(t.Context(), l.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[identitycenter.Assigned]bool{}
	for _, a := range all {
		if a.AccountName != "account "+a.AccountID {
			t.Errorf("%+v", a)
		}
		seen[a] = true
	}
	if len(all) != 203 || len(seen) != 203 {
		t.Errorf("%d roles, %d of them different", len(all), len(seen))
	}
	if _, err := f.s.AssignedRoles(t.Context(), "other"); !errors.Is(err, loginfile.ErrEnded) {
		t.Errorf("%v", err)
	}
}
