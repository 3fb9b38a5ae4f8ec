package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
)

// TestLostByTheIndex has an index that finds nothing any more while the journal is in use: neither a record
// that was there at the first look at all of them, nor one that was written later, is a first contact.
func TestLostByTheIndex(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.db")
	fill(t, path)
	j := openOn(t, &disk{}, path)
	if _, err := j.Mailbox(t.Context(), "dora", "INBOX"); err != nil {
		t.Fatal(err)
	}

	later := startMailbox(t, j, "later")
	if err := later.Record(t.Context(), SetOf(1), false, false); err != nil {
		t.Fatal(err)
	}

	runSQL(t, path, `CREATE TABLE other (a, b, c, UNIQUE (a, b, c));
		PRAGMA writable_schema=ON;
		UPDATE sqlite_schema SET rootpage=
			(SELECT rootpage FROM sqlite_schema WHERE name='sqlite_autoindex_other_1')
			WHERE name='sqlite_autoindex_mailbox_1';
		PRAGMA schema_version=1000`)

	for _, name := range []string{"INBOX", "later"} {
		if _, err := j.Mailbox(t.Context(), "ann", name); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := j.Mailbox(t.Context(), "eve", "INBOX"); err != nil {
		t.Errorf("a true first contact: %v", err)
	}
}

// TestRosterGoesOn makes sure that rows that were read are not read again: each first contact of many would
// read all those before it.
func TestRosterGoesOn(t *testing.T) {
	t.Parallel()
	j := openOn(t, &disk{}, filepath.Join(t.TempDir(), "journal.db"))
	for i := range 5 {
		m := startMailbox(t, j, fmt.Sprint("folder", i))
		if err := m.Record(t.Context(), SetOf(1), false, false); err != nil {
			t.Fatal(err)
		}
		if r := j.store.(*sqliteStore).roster; r.last != int64(i) || len(r.keys) != i {
			t.Errorf("after %d records the last one read was %d of %d", i, r.last, len(r.keys))
		}
	}
}
