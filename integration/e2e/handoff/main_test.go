// Package handoff tests tokens for another user: grant, accept and the policies they carry.
package handoff_test

import (
	"os"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
