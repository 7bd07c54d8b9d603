package broker

import (
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
)

// sameSubject refuses a document that speaks for somebody else than when the key was made: its
// token would be kept, and served, under the wrong name.
func sameSubject(file, was, is string) error {
	if was == is {
		return nil
	}
	e := failure.Sourcef(nil, "%s now speaks for somebody else than when this began; run it again, or reload the server", display.Quote(file))
	e.Final, e.Private = false, true
	return e
}
