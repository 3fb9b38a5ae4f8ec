package fetch

import (
	"log/slog"

	"fetchd/fetch/pattern"
)

// Bounds of what is said of failures that are alike. A server may refuse a hundred thousand messages, or a
// thousand accounts.
const (
	alikeMost   = 5  // that are named
	reasonsMost = 20 // kinds of failure
)

// SimilarFailures counts failures that have one reason, so that only the first of them are named. The zero
// value is ready.
type SimilarFailures struct {
	times map[string]int // by the reason, numbers aside
	more  int            // that were not named
	level slog.Level     // of the worst of these
}

// ShouldName tells whether another failure with err, which is of this level, is to be named.
func (a *SimilarFailures) ShouldName(err error, level slog.Level) bool {
	if a.times == nil {
		a.times = make(map[string]int)
	}

	reason := WithoutNumbers(err.Error())
	n, known := a.times[reason]
	// The first few say it all. A server that numbers or words each refusal differently is bounded by kinds.
	if n >= alikeMost || !known && len(a.times) >= reasonsMost {
		if a.more++; a.more == 1 || level > a.level {
			a.level = level
		}
		return false
	}

	a.times[reason] = n + 1
	return true
}

// More is how many were not named, and the level of the worst of these.
func (a *SimilarFailures) More() (n int, level slog.Level) { return a.more, a.level }

// numbered is a word with a digit in it.
var numbered = pattern.New(`\pL*\d[\pL\d]*`)

// WithoutNumbers makes the same text of failures that differ only in words with a digit: times, process IDs,
// local ports, addresses, and what servers number their sessions with.
func WithoutNumbers(text string) string { return numbered().ReplaceAllString(text, "0") }
