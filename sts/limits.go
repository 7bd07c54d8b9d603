package sts

import "time"

// The policy of asking. One block, so that it can be read, and argued with, as a whole.
const (
	// totalTime bounds Do, once the source credentials are at hand: both attempts and the pause.
	// Programs that wait for credentials give up after a minute at most, and other processes of
	// this machine may be waiting for this answer.
	totalTime = 10 * time.Second
	// attemptTime bounds one request from its first packet to the last byte of its answer.
	attemptTime = 5 * time.Second
	// connectTime bounds looking up the host and connecting to it, and again the TLS handshake. Less
	// than attemptTime, so that a failure before anything was sent is seen as one.
	connectTime = 3 * time.Second
	// MaxAttempts is how often a request is sent at most: a second attempt follows only a failure that leaves no doubt: nothing was sent
	// (look-up, connection, handshake), or, where no MFA code was, STS said that it is busy.
	MaxAttempts = 2
	// pauseUnsent and BusyPause (where STS said that it is busy) come before the second attempt, each plus up
	// to as much again at random, so that many machines that failed together do not return together.
	pauseUnsent = 100 * time.Millisecond
	BusyPause   = time.Second
	// maxBody bounds an answer. STS's own are some 3 KiB; session tokens have no stated maximum
	// and are under 4 KiB.
	maxBody = 256 << 10
	// maxSkew is how far the clocks may differ before an error speaks of it: the time within which
	// AWS accepts a signature.
	maxSkew = 5 * time.Minute
)

// What [Options.Log] gets before and after each attempt.
const (
	Asked    = "sts is asked"
	Answered = "sts answered"
	Failed   = "sts call failed"
)
