// Package process tests what a credential_process run of the real binary does: which token, from where, when it is
// replaced, and what is said where there is none.
package process_test

import (
	"os"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
