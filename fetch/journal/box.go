package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// protocol keeps the IMAP mailboxes and the POP3 maildrop of one account apart.
type protocol string

const (
	imap protocol = "imap"
	pop3 protocol = "pop3"
)

// fact is what one row of the table record says about its UIDs. A later row overrules an earlier one.
type fact string

const (
	delivered    fact = "delivered"
	adopted      fact = "adopted"
	imported     fact = "imported"
	pending      fact = "pending" // delivered and still to be acknowledged
	acknowledged fact = "acknowledged"
	absent       fact = "absent"  // POP3: not listed by the server, since the row's time
	present      fact = "present" // POP3: listed again
	forgotten    fact = "forgotten"
)

// looseRows is how many rows a record may have above those that folding gave it, before End folds it again.
const looseRows = 16

// row is one row of the table record; at is in seconds of Unix time.
type row struct {
	what fact
	at   int64
	uids string
}

// box is a record in the database: that of a mailbox or of a maildrop. Its methods are for the writer's goroutine, but
// for load.
type box struct {
	account  string
	protocol protocol
	name     string

	id       int64 // 0: not in the database
	run      int64
	inUse    bool
	validity uint32
	status   Status
	changed  int64 // Unix time of the last End
	rows     int   // in the table record
	folded   int   // of them, left by the last folding
	repeat   bool
}

// load reads the record and its rows as of one moment.
func (j *Journal) load(ctx context.Context, b *box) ([]row, error) {
	tx, err := j.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	var modseq int64
	err = tx.QueryRowContext(ctx, "SELECT id, run, in_use, folded, uidvalidity, uidnext, messages, highestmodseq, changed FROM mailbox "+
		"WHERE account=? AND protocol=? AND name=?", b.account, string(b.protocol), b.name).
		Scan(&b.id, &b.run, &b.inUse, &b.folded, &b.validity, &b.status.UIDNext, &b.status.Messages, &modseq, &b.changed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b.status.HighestModSeq = uint64(modseq)
	rows, err := records(ctx, tx, b.id)
	b.rows = len(rows)
	return rows, err
}

func records(ctx context.Context, tx *sql.Tx, mailbox int64) ([]row, error) {
	found, err := tx.QueryContext(ctx, "SELECT what, at, uids FROM record WHERE mailbox=? ORDER BY id", mailbox)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows []row
	for found.Next() {
		var r row
		if err := found.Scan(&r.what, &r.at, &r.uids); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, found.Err()
}

// begin sets the mark, makes this retrieval the record's only one, and drops all when the record is of another validity.
// What it changes in b is to be kept only when the transaction is committed.
func (b *box) begin(ctx context.Context, w *writer, drop bool) error {
	stmt, err := w.prepared(ctx, "INSERT INTO mailbox (account, protocol, name, run, in_use) VALUES (?, ?, ?, 1, 1) "+
		"ON CONFLICT DO UPDATE SET run=run+1, in_use=1 WHERE run=? RETURNING id, run")
	if err != nil {
		return err
	}
	err = stmt.QueryRowContext(ctx, b.account, string(b.protocol), b.name, b.run).Scan(&b.id, &b.run)
	if errors.Is(err, sql.ErrNoRows) {
		return b.taken()
	}
	if err != nil {
		return err
	}
	b.repeat, b.inUse = b.inUse, true
	if !drop {
		return nil
	}
	b.validity, b.status, b.rows, b.folded = 0, Status{}, 0, 0
	_, err = w.exec(ctx, "UPDATE mailbox SET uidvalidity=0, folded=0, uidnext=0, messages=0, highestmodseq=0 WHERE id=?", b.id)
	if err != nil {
		return err
	}
	_, err = w.exec(ctx, "DELETE FROM record WHERE mailbox=?", b.id)
	return err
}

// add appends rows; the first ones of a new record make its validity known.
func (b *box) add(ctx context.Context, w *writer, validity uint32, rows []row) error {
	if b.validity != validity {
		if err := b.update(ctx, w, "UPDATE mailbox SET uidvalidity=? WHERE id=? AND run=?", validity, b.id, b.run); err != nil {
			return err
		}
		b.validity = validity
	}
	for _, r := range rows {
		err := b.update(ctx, w, "INSERT INTO record (mailbox, what, at, uids) SELECT id, ?, ?, ? FROM mailbox WHERE id=? AND run=?",
			string(r.what), r.at, r.uids, b.id, b.run)
		if err != nil {
			return err
		}
		b.rows++
	}
	return nil
}

// loose tells whether the record is due for folding.
func (b *box) loose() bool { return b.rows-b.folded > looseRows }

// end removes the mark, remembers st, and with fold not nil replaces all rows by those.
func (b *box) end(ctx context.Context, w *writer, validity uint32, now int64, st Status, fold []row) error {
	if fold != nil {
		b.folded = len(fold)
	}
	err := b.update(ctx, w, "UPDATE mailbox SET in_use=0, uidvalidity=?, folded=?, uidnext=?, messages=?, highestmodseq=?, changed=? "+
		"WHERE id=? AND run=?", validity, b.folded, st.UIDNext, st.Messages, int64(st.HighestModSeq), now, b.id, b.run)
	if err != nil {
		return err
	}
	b.validity, b.status, b.inUse = validity, st, false
	if fold == nil {
		return nil
	}
	if _, err := w.exec(ctx, "DELETE FROM record WHERE mailbox=?", b.id); err != nil {
		return err
	}
	b.rows = 0
	return b.add(ctx, w, validity, fold)
}

// update runs a statement that must change exactly the row of this retrieval.
func (b *box) update(ctx context.Context, w *writer, query string, args ...any) error {
	res, err := w.exec(ctx, query, args...)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		return b.taken()
	}
	return err
}

func (b *box) taken() error {
	if b.id == 0 {
		return fmt.Errorf("record of %.200q %.200q: not started", b.account, b.name)
	}
	return fmt.Errorf("record of %.200q %.200q: %w", b.account, b.name, ErrTaken)
}
