package fetch

import "time"

// clockSlack is how far a clock is set back in the usual course of things.
const clockSlack = time.Minute

// HasPassed tells whether so much time has passed since then. What was noted in the future was noted while
// the clock was wrong, and is over: otherwise a year ahead for a minute would put something off for a year.
func HasPassed(d time.Duration, then, now time.Time) bool {
	ago := now.Sub(then)
	return ago >= d || ago < -clockSlack
}
