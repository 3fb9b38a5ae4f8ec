package journal

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

// While another program holds the journal, those who wait for one commit wait once and not one after the
// other.
func TestHeldByAnotherForAll(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	s := j.store.(*sqliteStore)
	if _, err := s.w.conn.ExecContext(t.Context(), "PRAGMA busy_timeout=500"); err != nil {
		t.Fatal(err)
	}
	other, err := s.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	orders := make([]order, 16)
	for i := range orders {
		nothing := func(context.Context, *writer) error { return nil }
		orders[i] = order{task: nothing, done: make(chan error, 1)}
	}
	start := time.Now()
	s.w.group(t.Context(), orders)
	if d := time.Since(start); d > 7*time.Second {
		t.Errorf("it took %v", d)
	}
	for _, o := range orders {
		if err := <-o.done; err == nil {
			t.Error("written")
		}
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
}
