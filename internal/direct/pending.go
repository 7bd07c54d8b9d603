package direct

import "github.com/sts-helper/sts-helper/internal/record"

// Pending is an answer that is certain and waits for its line in the audit log, whose hashes this package
// is initialised too early for.
type Pending struct {
	Document []byte
	Profile  string
	Record   *record.Record
}

var (
	pending  *Pending
	answered *record.Record
)

// TakePending is the answer of this process that waits for its line, nil for none.
func TakePending() *Pending { return pending }
