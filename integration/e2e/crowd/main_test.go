// Package crowd tests many processes at once, which must share one call and one question.
package crowd_test

import (
	"os"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
