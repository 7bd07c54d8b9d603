package sts_test

import (
	"os"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness/overlap"
)

func TestMain(m *testing.M) {
	overlap.Tests()
	os.Exit(m.Run())
}
