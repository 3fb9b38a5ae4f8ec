package journal

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID marks a SQLite file as a journal ("ftcd"); see PRAGMA application_id.
const applicationID = 0x66746364

// schema is what a new journal has, of the newest version.
//
// mailbox: the heads of the records; see box. sum is the checksum of a record with its rows.
// record: what happened in a mailbox, in the order of n; see row. What happened last is in mailbox.
// note: texts by name, with their checksums; see Note and ImportFetchids.
const schema = `
CREATE TABLE mailbox (
	id INTEGER PRIMARY KEY,
	account TEXT NOT NULL,
	protocol TEXT NOT NULL,
	name TEXT NOT NULL,
	uidvalidity INTEGER NOT NULL DEFAULT 0,
	run INTEGER NOT NULL DEFAULT 0,
	in_use INTEGER NOT NULL DEFAULT 0,
	folded INTEGER NOT NULL DEFAULT 0,
	uidnext INTEGER NOT NULL DEFAULT 0,
	changed INTEGER NOT NULL DEFAULT 0,
	sum INTEGER NOT NULL DEFAULT 0,
	first INTEGER NOT NULL DEFAULT 0,
	settled INTEGER NOT NULL DEFAULT 0,
	looked INTEGER NOT NULL DEFAULT 0,
	last_what TEXT NOT NULL DEFAULT '',
	last_at INTEGER NOT NULL DEFAULT 0,
	last_uids TEXT NOT NULL DEFAULT '',
	UNIQUE (account, protocol, name)
);
` + recordTable + noteTable

const recordTable = `
CREATE TABLE record (
	mailbox INTEGER NOT NULL REFERENCES mailbox (id),
	n INTEGER NOT NULL,
	what TEXT NOT NULL,
	at INTEGER NOT NULL,
	uids TEXT NOT NULL,
	PRIMARY KEY (mailbox, n)
) WITHOUT ROWID;
`

const noteTable = `
CREATE TABLE note (
	name TEXT PRIMARY KEY,
	text TEXT NOT NULL,
	sum INTEGER NOT NULL
) WITHOUT ROWID;
`

// migrations lead from one schema version (PRAGMA user_version) to the next, the first from version 1. What
// they make of an old journal is the schema of a new one.
func migrations() []string {
	return []string{`
ALTER TABLE record RENAME TO record1;
` + recordTable + `
INSERT INTO record
	SELECT mailbox, row_number() OVER (PARTITION BY mailbox ORDER BY id), what, at, uids FROM record1;
DROP TABLE record1;

ALTER TABLE mailbox DROP COLUMN messages;
ALTER TABLE mailbox DROP COLUMN highestmodseq;
ALTER TABLE mailbox ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
` + noteTable + `
INSERT INTO note SELECT 'imported ' || file, uids || ' UIDLs', 0 FROM imported;
DROP TABLE imported;`, `
ALTER TABLE mailbox ADD COLUMN first INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN looked INTEGER NOT NULL DEFAULT 0;`, `
ALTER TABLE mailbox ADD COLUMN last_what TEXT NOT NULL DEFAULT '';
ALTER TABLE mailbox ADD COLUMN last_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN last_uids TEXT NOT NULL DEFAULT '';`,
	}
}

// newest is the version of schema.
func newest() int { return 1 + len(migrations()) }

// summed is the version that brought the checksums.
const summed = 2

// addSums gives each record and note its checksum.
func addSums(ctx context.Context, conn *sql.Conn) error {
	boxes, err := listBoxes(ctx, conn)
	if err != nil {
		return err
	}

	for _, b := range boxes {
		rows, err := scanRows(conn.QueryContext(ctx, selectRows, b.id))
		if err != nil {
			return err
		}
		b.chain = link(0, rows)
		if _, err := conn.ExecContext(ctx, "UPDATE mailbox SET sum=? WHERE id=?", b.sum(), b.id); err != nil {
			return err
		}
	}

	notes, err := notesOf(ctx, conn)
	if err != nil {
		return err
	}

	for name, text := range notes {
		_, err := conn.ExecContext(ctx, "UPDATE note SET sum=? WHERE name=?", noteSum(name, text), name)
		if err != nil {
			return err
		}
	}

	return nil
}

func notesOf(ctx context.Context, conn *sql.Conn) (map[string]string, error) {
	found, err := conn.QueryContext(ctx, "SELECT name, text FROM note")
	if err != nil {
		return nil, err
	}
	defer found.Close()

	notes := map[string]string{}
	for found.Next() {
		var name, text string
		if err := found.Scan(&name, &text); err != nil {
			return nil, err
		}
		notes[name] = text
	}
	return notes, found.Err()
}

// version reads the version of the file's schema, and refuses a file that is not ours or newer than this
// program.
func version(ctx context.Context, conn *sql.Conn) (int, error) {
	var id, v int
	if err := conn.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return 0, err
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
		return 0, err
	}
	// Any SQLite database would open. Ours says so itself.
	if id != applicationID {
		return 0, errForeign
	}
	if known := newest(); v > known {
		return 0, &newerError{version: v, known: known}
	}
	return v, nil
}

// migrate brings the schema up to date in one transaction. It writes even if there is nothing to do, which
// proves that the journal can be written.
func migrate(ctx context.Context, conn *sql.Conn) error {
	// IMMEDIATE: two processes that start at once must not both find the old version and upgrade it.
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := upgrade(ctx, conn)
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		// SQLite may have rolled back already; then this error means nothing.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

func upgrade(ctx context.Context, conn *sql.Conn) error {
	v, err := version(ctx, conn)
	if err != nil {
		return err
	}

	steps := []string{schema}
	if v > 0 {
		steps = migrations()[v-1:]
	}
	for _, step := range steps {
		if _, err := conn.ExecContext(ctx, step); err != nil {
			return err
		}
	}

	if v > 0 && v < summed {
		if err := addSums(ctx, conn); err != nil {
			return err
		}
	}

	// Written even where it is so already: see migrate. A PRAGMA takes no parameters.
	_, err = conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version=%d", newest()))
	return err
}
