package journal

import (
	"path/filepath"
	"testing"
)

// A program with one account needs one connection, which reads as long as nobody writes. Whoever writes keeps
// nobody from reading, and nobody sees what is not committed.
func TestReadersAndTheWriter(t *testing.T) {
	t.Parallel()
	j := openOn(t, &disk{}, filepath.Join(t.TempDir(), "journal.db"))
	startMailbox(t, j, "INBOX")
	if err := j.SetNote(t.Context(), "ann", "committed"); err != nil {
		t.Fatal(err)
	}
	read := func(connections int) {
		t.Helper()
		if text, err := j.Note(t.Context(), "ann"); text != "committed" || err != nil {
			t.Errorf("note %q, error %v", text, err)
		}
		if _, err := j.Mailbox(t.Context(), "ann", "INBOX"); err != nil {
			t.Error(err)
		}
		if _, err := j.Names(t.Context()); err != nil {
			t.Error(err)
		}
		if n := j.store.(*sqliteStore).db.Stats().OpenConnections; n != connections {
			t.Errorf("%d connections, want %d", n, connections)
		}
	}
	read(1)

	w := j.store.(*sqliteStore).w
	w.turn <- struct{}{}
	for _, sql := range []string{"BEGIN IMMEDIATE", "UPDATE note SET text='not yet'"} {
		if _, err := w.conn.ExecContext(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	read(2)

	if _, err := w.conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	<-w.turn
	read(2)
}

// What another process records between the look into the index and that into the table is not lost.
func TestWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	j := openOn(t, &disk{}, filepath.Join(t.TempDir(), "journal.db"))
	m := startMailbox(t, j, "INBOX")
	if err := m.Record(t.Context(), SetOf(1), false, false); err != nil {
		t.Fatal(err)
	}

	s := j.store.(*sqliteStore)
	if err := s.roster.errIfLost(t.Context(), s.readers, m.box.key); err != nil {
		t.Error(err)
	}
}
