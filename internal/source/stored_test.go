package source_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/keystore"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source"
	"github.com/sts-helper/sts-helper/internal/storedkey"
)

// A stored key that became another user's since the settings were read signs nothing under the first one's name; a new
// key of the same user may.
func TestStoredKeyOfAnother(t *testing.T) {
	const alice, bob = "arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:user/bob"
	dir := filepath.Join(t.TempDir(), "keys")
	if err := keystore.Describe(dir, &storedkey.Key{Name: "work", AccessKeyID: "AKIAI44QH8DHBEXAMPLE", Store: storedkey.File, ARN: bob}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ id, arn, want string }{
		{"AKIAIOSFODNN7EXAMPLE", alice, "the stored key \"work\" is AKIAI44QH8DHBEXAMPLE of " + bob + " by now"},
		{"AKIAIOSFODNN7EXAMPLE", bob, "has no secret for key \"work\" (AKIAI44QH8DHBEXAMPLE)"}, // it is asked for
		{"AKIAI44QH8DHBEXAMPLE", "", "has no secret for key"},
	} {
		def := request.Source{Kind: request.SourceKey, AccessKeyID: tt.id, Stored: &request.Stored{Name: "work", File: storedkey.Path(dir, "work"), ARN: tt.arn}}
		_, err := source.New(def, source.Options{Getenv: func(string) string { return "" }, Unattended: true}).Fetch(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s of %s: %v, want %s", tt.id, tt.arn, err, tt.want)
		}
	}
}
