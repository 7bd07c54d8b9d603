package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/token"
)

// Fetch asks for a token, once. It is called with the lock held, where there is one.
// advisory reports that the old token still serves for more than [Mandatory], so that no user
// is to be asked for the sake of a new one. Before it asks a user it calls [Asking].
type Fetch func(ctx context.Context, advisory bool) (token.Token, error)

// Want is a token that a caller wants, and how it may be got.
type Want struct {
	// Key names the token. Required.
	Key Key
	// Fetch gets a new one. Required.
	Fetch Fetch
	// Holder says who fetches and what for, to those who wait. It is called once the lock
	// is to be taken. It may be nil.
	Holder func() lock.Holder
	// Interactive reports that fetching needs a user's answer. Such a token is not refreshed in
	// the advisory window: it still serves.
	Interactive bool
	// CanAsk reports why no user can be asked, where one would have to be, before anything
	// is waited for. It may be nil.
	CanAsk func() error
	// Renew refreshes even a fresh token, and asks although a failure is still held: what a
	// user means by logging in. A failure is then an error, whatever is still valid.
	Renew bool
	// Wait is the lock budget; zero means [DefaultWait], or [DefaultWaitInteractive]. Once it is
	// spent Get goes on without the lock.
	Wait time.Duration
	// Valid says why a record that was read is not what the caller wants, "" where it is: such a
	// record is none. It is called with and without the lock, several times. It may be nil.
	Valid func(*Record) (reason string)
	// Basis stands for what a failed Fetch may have been due to (files, variables): a failure is
	// held against calls with the same one only. It may be nil.
	Basis func() string
	// Waiting is called once, where the lock is held by another process: who says then and later which
	// one, as far as it is known. It may be nil.
	Waiting func(who func() (lock.Holder, bool))
	// Moot says, while the lock is waited for, that nothing has to be fetched any more: its error
	// is then the call's. It may be nil.
	Moot func() error
	// Unattended reports that Fetch gets the answer that Interactive is about without a user. Then
	// a holder that is asking one is not left to it for longer than the lock budget.
	Unattended bool
}

// Origin says where an answer came from.
type Origin string

// The origins of an answer.
const (
	Hit   Origin = "hit"   // read from disk, fresh
	Fresh Origin = "fresh" // fetched by this call
	Kept  Origin = "kept"  // read from disk, due for a refresh that did not happen or failed
)

// Answer is a token and how it was come by.
type Answer struct {
	Token  token.Token
	Origin Origin
	// Warnings are what went wrong without harm to the answer: a refresh that failed while
	// the old token still serves, a record that could not be written.
	Warnings []error
}

// ErrNoLater is what a [Fetch] gives where the new token would end no later than the old one, which
// still serves and is kept then. It is no failure.
var ErrNoLater = errors.New("a new token would end no later")

// ErrNotKept is matched by the warning that a new token could not be written: the next caller
// has to ask for another.
var ErrNotKept = errors.New("the token could not be kept")

// HeldError is returned when the lock budget was spent on a process that is asking a
// user: asking a second time would not help. [Cache.Delete] returns it for any holder.
type HeldError struct {
	Holder lock.Holder   // as it describes itself
	Waited time.Duration // how long it was waited for
}

// HeldError is [Classified]: the process above that waits for this one's answer shares it.
func (e *HeldError) FailureKind() string { return string(failure.Locked) }

// FailureFinal is false: the holder may end at any time.
func (e *HeldError) FailureFinal() bool { return false }

// FailurePrivate reports that others would wait for the same holder for longer, unless they were told to wait as briefly.
func (e *HeldError) FailurePrivate() bool { return e.Waited < DefaultWait }

// Error names the holder and how long it was waited for.
func (e *HeldError) Error() string {
	return fmt.Sprintf("waited %s for %s; answer there, or try again", e.Waited.Round(time.Second), e.Holder)
}
