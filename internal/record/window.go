package record

import (
	"math/rand/v2"
	"time"
)

// The refresh policy. All of it, in one place.
const (
	// Floor is the least life a token is handed out with. A request signed with less
	// may reach AWS too late. (smithy-rs keeps the same 10 s for process credentials.)
	Floor = 10 * time.Second

	// Mandatory is the life below which a token must be refreshed: wait for the lock, ask,
	// or fail. AWS SDKs use the same 60 s (aws-sdk-go-v2 aws/credential_cache.go, 2026).
	Mandatory = 60 * time.Second

	// Of a token that lives for seconds (GetScopedCredentials gives such) both are a share of its life:
	// a quarter, and half.
	floorShare     = 4
	mandatoryShare = 2

	// Below these lives the advisory window opens: one caller refreshes, the others go on
	// with what there is. Chosen by the token's whole life and raised above 15 minutes
	// where the life allows, because botocore and the .NET SDK run the helper on every
	// single use of credentials that have less than that. No window is longer than a third
	// of the life.
	advisoryUnder20m = 5 * time.Minute
	advisoryUnder40m = 15 * time.Minute
	advisoryUnder90m = 20 * time.Minute
	advisoryLonger   = 60 * time.Minute
	advisoryShare    = 3

	// Each record's window is made shorter by up to this share of it, at random, so that
	// tokens got together are not refreshed together.
	advisoryJitter = 10 // one tenth

	// After a failed refresh, while the old token is still good, no caller asks again for an
	// eighth of the remaining life, within these bounds, half as much more or less at
	// random. One record holds back every process of the machine, so this may be shorter
	// than the 5 to 10 minutes SDKs use, each for itself.
	backoffShare = 8
	BackoffLeast = 15 * time.Second
	BackoffMost  = 300 * time.Second

	// After a failure with nothing valid left, callers are answered with that failure for
	// this long: a passing one (STS away) briefly, so that service is back within 5 s of
	// STS's return; a final one (STS said no) a little longer. Within AWS SDKs' 1 to 5 s.
	FailureHeldPassing = 2 * time.Second
	FailureHeldFinal   = 4 * time.Second

	// STS refuses a host that asks too often, and one of many that ask at once, by the same word. So each time
	// in a row it is left alone for twice as long, from a passing failure's time up to ThrottledMost, half as
	// much more or less at random: see docs/scale.md ("make scale") for what that does to a fleet.
	ThrottledMost = 30 * time.Second

	// DefaultWait and DefaultWaitInteractive are the lock budgets: how long a caller waits for
	// another that refreshes. Go's SDK ends a credential_process after 60 s.
	DefaultWait            = 25 * time.Second
	DefaultWaitInteractive = 55 * time.Second

	// LateWait is the end of the lock budget, a part of it at most, in which those who waited
	// for a wedged holder leave the refresh to one among them. STS takes a second at most where
	// nothing is wrong with it.
	LateWait  = 5 * time.Second
	LateShare = 5 // one fifth

	// DeleteWait is how long dropping a token, refused or logged out of, waits for the
	// process that refreshes it.
	DeleteWait = 5 * time.Second

	// LookAgain is how long credentials are used that came without an end before their source
	// is asked again.
	LookAgain = 15 * time.Minute

	// NoLockSpread is the random pause before refreshing where no lock can be had, so that
	// some of those who came together find the first one's token.
	NoLockSpread = 500 * time.Millisecond

	// futureSlack is how far in the future a record may claim to have been issued before it
	// is not believed; STS itself tolerates clocks that are 5 minutes off.
	futureSlack = 5 * time.Minute
)

// FloorOf is the least life that a token which lives life is handed out with.
func FloorOf(life time.Duration) time.Duration { return min(Floor, life/floorShare) }

// MandatoryOf is the remaining life below which a token that lives life must be refreshed.
func MandatoryOf(life time.Duration) time.Duration { return min(Mandatory, life/mandatoryShare) }

// AdvisoryWindow is the remaining life below which a token that lives life is to be refreshed,
// before jitter.
func AdvisoryWindow(life time.Duration) time.Duration {
	switch {
	case life <= 20*time.Minute:
		return min(advisoryUnder20m, life/advisoryShare)
	case life < 40*time.Minute:
		return advisoryUnder40m
	case life < 90*time.Minute:
		return advisoryUnder90m
	}
	return advisoryLonger
}

// JitteredAdvisory is the window that a new token gets, in whole seconds. life is more than 0.
func JitteredAdvisory(life time.Duration) time.Duration {
	w := AdvisoryWindow(life)
	return (w - rand.N(w/advisoryJitter+1)).Truncate(time.Second) // jitter, no secret
}

// Backoff is how long no caller asks after a failed refresh of a token with rem left. It ends
// before the token stops being handed out, which is with floor left.
func Backoff(rem, floor time.Duration) time.Duration {
	b := min(max(rem/backoffShare, BackoffLeast), BackoffMost)
	return min(b/2+rand.N(b), rem-floor) // jitter, no secret
}

// ThrottledHold is how long callers are answered with the failure after STS said that it is asked too often. held is
// how long they were after the call before, which it refused too; 0 where it did not.
func ThrottledHold(held time.Duration) time.Duration {
	return ThrottledHoldBy(held, rand.N[time.Duration]) // jitter, no secret
}

// ThrottledHoldBy is ThrottledHold with other dice, which give a time from 0 up to and without d.
func ThrottledHoldBy(held time.Duration, dice func(d time.Duration) time.Duration) time.Duration {
	d := min(max(2*held, FailureHeldPassing), ThrottledMost)
	return d/2 + dice(d)
}
