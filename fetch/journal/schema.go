package journal

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID marks a SQLite file as a journal ("ftcd"); see PRAGMA application_id.
const applicationID = 0x66746364

// migrations lead from one schema version (PRAGMA user_version) to the next; the first makes version 1.
//
// mailbox: uidvalidity is 0 until the first contact was recorded (a POP3 maildrop then has 1); run counts the retrievals
// and so tells a retrieval that another one has begun since; in_use is its mark; folded is how many rows the last folding
// left; the next three are Status.
// record: what happened, in the order of id; uids is a UID set, or UIDLs with a line feed after each.
func migrations() []string {
	return []string{`
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
	messages INTEGER NOT NULL DEFAULT 0,
	highestmodseq INTEGER NOT NULL DEFAULT 0,
	changed INTEGER NOT NULL DEFAULT 0,
	UNIQUE (account, protocol, name)
);
CREATE TABLE record (
	id INTEGER PRIMARY KEY,
	mailbox INTEGER NOT NULL REFERENCES mailbox (id),
	what TEXT NOT NULL,
	at INTEGER NOT NULL,
	uids TEXT NOT NULL
);
CREATE INDEX record_mailbox ON record (mailbox);
CREATE TABLE imported (
	file TEXT PRIMARY KEY,
	at INTEGER NOT NULL,
	uids INTEGER NOT NULL
);`,
	}
}

// version reads which schema the file has, and refuses what is not ours or newer than we are.
func version(ctx context.Context, conn *sql.Conn) (int, error) {
	var id, v int
	if err := conn.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return 0, err
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
		return 0, err
	}
	if id != applicationID {
		return 0, errForeign
	}
	if known := len(migrations()); v > known {
		return 0, &newerError{version: v, known: known}
	}
	return v, nil
}

// migrate brings the schema up to date in one transaction. It writes even when there is nothing to do: that proves that
// the journal can be written.
func migrate(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := upgrade(ctx, conn)
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		// SQLite may have rolled back by itself; then this is an error of no interest.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

func upgrade(ctx context.Context, conn *sql.Conn) error {
	v, err := version(ctx, conn)
	if err != nil {
		return err
	}
	all := migrations()
	for _, m := range all[v:] {
		if _, err := conn.ExecContext(ctx, m); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version=%d", len(all)))
	return err
}
