package fetch

import (
	"log/slog"
	"regexp"
)

// Bounds of what a retrieval says of a mailbox's messages that could not be delivered. A server may refuse a
// hundred thousand of them.
const (
	alikeMost   = 5  // messages named that failed alike
	reasonsMost = 20 // kinds of failure
)

// similarFailures counts messages that fail for one reason.
type similarFailures struct {
	times map[string]int // by the reason, numbers aside
	more  int            // that were not named
	level slog.Level     // of the worst of these
}

// shouldName tells whether another message that failed with err, which is of this level, is to be named.
func (a *similarFailures) shouldName(err error, level slog.Level) bool {
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

// numbered is a word with a digit in it.
var numbered = regexp.MustCompile(`\pL*\d[\pL\d]*`)

// WithoutNumbers makes the same text of failures that differ only in words with a digit: times, process IDs,
// local ports, addresses, and what servers number their sessions with.
func WithoutNumbers(text string) string { return numbered.ReplaceAllString(text, "0") }
