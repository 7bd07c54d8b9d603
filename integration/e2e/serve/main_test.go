// Package serve tests "sts-helper serve": the container endpoint and the instance metadata service of the real binary.
package serve_test

import (
	"os"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
