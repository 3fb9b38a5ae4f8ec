package journal_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime/metrics"
	"testing"
)

// A daemon asks for notes in each poll. The context of a query, if it can end, costs two goroutines.
// Not parallel: it counts all goroutines.
func TestNoteStartsNoGoroutines(t *testing.T) {
	j := openSQLite(t, filepath.Join(t.TempDir(), "journal.db"), nil)
	begun := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
	ask := func() uint64 {
		if _, err := j.Note(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		metrics.Read(begun)
		return begun[0].Value.Uint64()
	}

	const times = 50
	before := ask() // the first one opens the connection
	for range times {
		ask()
	}
	if n := ask() - before; n >= times {
		t.Errorf("%d goroutines for %d notes", n, times)
	}
}

func TestEndedContextAsksNothing(t *testing.T) {
	t.Parallel()
	j := openSQLite(t, filepath.Join(t.TempDir(), "journal.db"), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, noteErr := j.Note(ctx, "a")
	_, mailboxErr := j.Mailbox(ctx, "a", "INBOX")
	for _, err := range []error{noteErr, mailboxErr} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
	}
}
