// Package overlap lets more of a package's tests run at a time. It builds on every system, as the harness does not.
package overlap

import "flag"

// Tests runs more of the tests at a time than there are processors, unless the command line says how many: they wait
// for other processes most of the time.
func Tests() {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		_ = flag.Set("test.parallel", "8")
	}
}
