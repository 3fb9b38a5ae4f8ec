package schedule

import (
	"strings"
	"time"

	"fetchd/fetch"
)

// The first retrievals of many accounts are spread, so that they and their servers are not all busy at once,
// and stay apart from then on. A handful starts at once: nobody waits for the mail of a few accounts.
const (
	startAtOnce = 10                    // accounts
	startGap    = 30 * time.Millisecond // between two of more accounts, on average
	startSpread = time.Minute           // at most, from the first to the last
)

// Retrievals that are due in the same beat begin together, unless their wait is short: a poll takes about
// half as much of the processor when others keep its threads awake and its caches warm. Limits are what
// keeps many from being at one server at once.
const (
	beat      = time.Second / 2
	shortWait = 10 * time.Second
)

// onBeat is the beat before a time.
func (s *Scheduler) onBeat(due time.Time) time.Time { return due.Add(-(due.Sub(s.began) % beat)) }

// startDelay is how long after Replace the first retrieval of a begins, which is one of n that begin. Each
// account has its own moment, the same after every restart.
func (s *Scheduler) startDelay(a *fetch.Account, n int) time.Duration {
	if n <= startAtOnce {
		return 0
	}
	within := min(startSpread, s.opt.Interval, time.Duration(n)*startGap)
	return time.Duration(hash(a.Key, strings.Join(a.Mailboxes, "\x00")) % uint64(within))
}

// startAt is when the first retrieval of a begins: where another process left off, or soon.
func (s *Scheduler) startAt(a *fetch.Account, seed Seed, n int) time.Time {
	now := time.Now()
	if !seed.Next.After(now) {
		return s.onBeat(now.Add(s.startDelay(a, n)))
	}
	// A clock that was wrong when it was read must not put mail off for years.
	latest := now.Add(max(s.interval(a), authDelayCap) * 2)
	if seed.Next.After(latest) {
		return latest
	}
	return seed.Next
}

// interval is the time between two retrievals of a that succeed.
func (s *Scheduler) interval(a *fetch.Account) time.Duration {
	if a.Every > 0 {
		return a.Every
	}
	return s.opt.Interval * time.Duration(max(1, a.Interval))
}
