// Package docs_test does what the documents say: it runs each of their command lines and transcripts.
package docs_test

import (
	"os"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
