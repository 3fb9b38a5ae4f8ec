package journal

import (
	"errors"
	"path/filepath"
	"testing"
)

// twoJournals opens one journal twice, as two processes do. The writer of the first has a view of what it has
// recorded in the mailbox.
func twoJournals(t *testing.T) (j, other *Journal, m *Mailbox) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	j, other = openOn(t, &disk{}, path), openOn(t, &disk{}, path)
	m = startMailbox(t, j, "INBOX")
	recordInView(t, j, m)
	return j, other, m
}

// recordInView records one UID after the other, until the writer has a view of them. It returns the last one.
func recordInView(t *testing.T, j *Journal, m *Mailbox) uint32 {
	t.Helper()
	w := j.store.(*sqliteStore).w
	for range 100 {
		uid := m.Done().Max() + 1
		if err := m.Record(t.Context(), SetOf(uid), true, false); err != nil {
			t.Fatal(err)
		}

		w.turn <- struct{}{}
		found := w.view.rows != nil // on a machine that is busy one may have ended by now
		<-w.turn
		if found {
			return uid
		}
	}
	t.Fatal("there is no view")
	return 0
}

// What another process writes between two records is there for whoever reads, and the records go on.
func TestViewBesideAnotherProcess(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	j, other, m := twoJournals(t)
	if err := other.SetNote(ctx, "ann", "theirs"); err != nil {
		t.Fatal(err)
	}
	if text, err := j.Note(ctx, "ann"); text != "theirs" || err != nil {
		t.Errorf("note %q, error %v", text, err)
	}

	recordInView(t, j, m)
	if err := other.SetNote(ctx, "ann", "theirs again"); err != nil {
		t.Fatal(err)
	}
	last := recordInView(t, j, m)
	theirs, err := other.Mailbox(ctx, "ann", "INBOX")
	if err != nil || theirs.Done().Len() != uint64(last) {
		t.Errorf("done %v of %d, error %v", theirs, last, err)
	}
}

// A view does not hide that another process has taken the record over.
func TestViewOfATakenRecord(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	_, other, m := twoJournals(t)
	if err := startMailbox(t, other, "INBOX").Record(ctx, SetOf(1000), true, false); err != nil {
		t.Fatal(err)
	}
	if err := m.Record(ctx, SetOf(1001), true, false); !errors.Is(err, ErrTaken) {
		t.Errorf("error %v", err)
	}
}

// A record waits for another process that writes at this moment, with a view as without one.
func TestViewBesideALock(t *testing.T) {
	t.Parallel()
	j, other, m := twoJournals(t)
	conn := other.store.(*sqliteStore).w.conn
	for _, sql := range []string{"BEGIN IMMEDIATE", "INSERT INTO note VALUES ('ann', 'theirs', 1)"} {
		if _, err := conn.ExecContext(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}

	recorded := make(chan error)
	go func() { recorded <- m.Record(t.Context(), SetOf(1000), true, false) }()
	// Whether or not it is waiting by now.
	if _, err := conn.ExecContext(t.Context(), "COMMIT"); err != nil {
		t.Error(err)
	}
	if err := <-recorded; err != nil {
		t.Error(err)
	}
	recordInView(t, j, m)
}

// A view ends although nothing more is recorded: other processes have to wait for it when they empty the log,
// as each does that opens the journal.
func TestViewEnds(t *testing.T) {
	t.Parallel()
	_, other, _ := twoJournals(t)
	var busy, inLog, written int
	err := other.store.(*sqliteStore).w.conn.QueryRowContext(t.Context(), "PRAGMA wal_checkpoint(RESTART)").
		Scan(&busy, &inLog, &written)
	if err != nil || busy != 0 || inLog != written {
		t.Errorf("busy %d, %d of %d pages written, error %v", busy, written, inLog, err)
	}
}
