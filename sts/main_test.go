package sts_test

import (
	"os"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

func TestMain(m *testing.M) {
	harness.Overlap()
	os.Exit(m.Run())
}
