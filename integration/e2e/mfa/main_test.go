// Package mfa tests MFA codes and prompts: at terminals, in windows, below real parents, by several processes.
package mfa_test

import (
	"os"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
