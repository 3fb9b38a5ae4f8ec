package schedule

import (
	"errors"
	"time"

	"fetchd/fetch"
)

// Back-off after failures: the first delay, doubled with each further failure up to the cap. A refused login
// waits longer: servers lock accounts after repeated failures.
const (
	refusedDelay    = time.Second // of the first refusedMost, while a server is started again
	refusedMost     = 5
	networkDelay    = 30 * time.Second
	networkDelayCap = 30 * time.Minute
	authDelay       = 5 * time.Minute
	authDelayCap    = 4 * time.Hour
	jitter          = 0.1 // of every delay, either way
)

// Seed is an account's place in time: where another process left off, for the one that takes the account
// over.
type Seed struct {
	Next    time.Time // when its next retrieval is due; zero or past = it starts as a new account does
	BackOff int       // failures in a row that count for the back-off
}

// backOff is the delay after n failures in a row, the last of them err.
func backOff(n int, err error) time.Duration {
	d, limit := networkDelay, networkDelayCap
	switch {
	case fetch.KindOf(err).IsLogin():
		d, limit = authDelay, authDelayCap
	// By the destination. Nobody sees that its password is mended, so the cap is that of other trouble.
	case errors.Is(err, fetch.ErrRefused):
		d = authDelay
	}
	// A server that is just restarted is there again in seconds; the doubling begins after the first few
	// tries.
	if isRestart(err) {
		if n <= refusedMost {
			return refusedDelay << max(0, n-1)
		}
		n -= refusedMost
	}
	// The password may be wrong. One end of a connection is no sign of that, as lines are cut and servers
	// started again.
	if errors.Is(err, fetch.ErrNoVerdict) && n > 1 {
		d, n = authDelay, n-1
	}

	// Step by step, as a shift by a large n would overflow.
	for i := 1; i < n && d < limit; i++ {
		d *= 2
	}
	return min(d, limit)
}

// isRestart tells whether err is what a server gives that is being started again: nobody listens, or whoever
// does ends the connection, with words or without, but not over a password.
func isRestart(err error) bool {
	return isRefused(err) || errors.Is(err, fetch.ErrTurnedAway) && !errors.Is(err, fetch.ErrNoVerdict)
}
