package fetchtest

import (
	"path/filepath"
	"testing"

	"fetchd/fetch/journal"
)

// OpenJournal opens a journal of its own for a test; it is closed at the end.
func OpenJournal(tb testing.TB) *journal.Journal {
	tb.Helper()
	j, err := journal.Open(tb.Context(), filepath.Join(tb.TempDir(), "journal.db"))
	check(tb, err)
	tb.Cleanup(func() { check(tb, j.Close()) })
	return j
}
