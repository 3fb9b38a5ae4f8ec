package journal

import (
	"context"
	"database/sql"
	"errors"
)

// sqliteStore is a store in a SQLite database: many readers, one writer.
type sqliteStore struct {
	db      *sql.DB // of all connections
	readers *source // db, for those that read while the writer is busy
	roster  *roster
	w       *writer
	path    string
}

func openSQLite(ctx context.Context, path string, o Options) (*sqliteStore, error) {
	db, err := connect(path)
	if err != nil {
		return nil, err
	}
	w, err := newWriter(ctx, db, path, o)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &sqliteStore{db, newSource(db), newRoster(), w, path}, nil
}

// head are the columns of the table mailbox that make up a box without its key; see scan.
const head = "id, run, in_use, uidvalidity, uidnext, first, settled, looked, changed, folded, " +
	"last_what, last_at, last_uids"

func (b *box) scan() []any {
	c := &b.census
	return []any{&b.id, &b.run, &b.inUse, &b.validity, &b.uidNext, &c.First, &c.Settled, &c.Looked,
		&b.changed, &b.folded, &b.last.what, &b.last.at, &b.last.uids}
}

// whereKey finds the head of a record by its key's args.
const whereKey = " WHERE account=? AND protocol=? AND name=?"

func (k *key) args() []any { return []any{k.account, string(k.protocol), k.mailbox} }

func (s *sqliteStore) load(ctx context.Context, k key) (r saved, err error) {
	err = s.read(ctx, func(ctx context.Context, from *source) error {
		r, err = from.load(ctx, k)
		if err == nil && !r.isThere {
			return s.roster.errIfLost(ctx, from, k)
		}
		return err
	})
	return r, err
}

func (s *source) load(ctx context.Context, k key) (saved, error) {
	r := saved{box: box{key: k}}
	stmt, err := s.prepared(ctx, selectRecord)
	if err != nil {
		return r, err
	}
	found, err := stmt.QueryContext(ctx, k.args()...)
	if err != nil {
		return r, err
	}
	defer found.Close()

	for found.Next() {
		var next row
		if err := found.Scan(append(r.scan(), &r.sum, &next.what, &next.at, &next.uids)...); err != nil {
			return r, err
		}
		r.isThere = true
		if next.what != "" { // a head without rows has one of nothing
			r.rows = append(r.rows, next)
		}
	}

	return r, found.Err()
}

// queryer is a database or a connection.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// selectRows selects the rows of a record by the id of its head.
const selectRows = "SELECT what, at, uids FROM record WHERE mailbox=? ORDER BY n"

// scanRows takes the result of selectRows.
func scanRows(found *sql.Rows, err error) ([]row, error) {
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

func (s *sqliteStore) run(ctx context.Context, k key) (run int64, err error) {
	err = s.read(ctx, func(ctx context.Context, from *source) error {
		stmt, err := from.prepared(ctx, selectRun)
		if err == nil {
			err = stmt.QueryRowContext(ctx, k.args()...).Scan(&run)
		}
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return run, err
}

func (s *sqliteStore) list(ctx context.Context) (boxes []box, err error) {
	err = s.read(ctx, func(ctx context.Context, from *source) error {
		boxes, err = listBoxes(ctx, from)
		return err
	})
	return boxes, err
}

func listBoxes(ctx context.Context, q queryer) ([]box, error) {
	found, err := q.QueryContext(ctx,
		"SELECT account, protocol, name, "+head+" FROM mailbox ORDER BY changed, id")
	if err != nil {
		return nil, err
	}

	defer found.Close()

	var boxes []box
	for found.Next() {
		var b box
		if err := found.Scan(append([]any{&b.account, &b.protocol, &b.mailbox}, b.scan()...)...); err != nil {
			return nil, err
		}
		boxes = append(boxes, b)
	}

	return boxes, found.Err()
}

func (s *sqliteStore) save(ctx context.Context, durable bool, changes ...*change) error {
	o := order{durable: durable, single: len(changes) == 1 && changes[0].isOneStatement()}
	o.task = func(ctx context.Context, w *writer) error {
		for _, c := range changes {
			if err := w.change(ctx, c); err != nil {
				return err
			}
		}
		return nil
	}
	return s.w.do(ctx, o)
}

// change writes the head, if the store still has the one that the change starts from, and the rows.
func (w *writer) change(ctx context.Context, c *change) error {
	// The head comes first: it fails if another retrieval has taken over, and then no row is touched.
	if err := w.head(ctx, c); err != nil {
		return err
	}
	if c.instead {
		if _, err := w.exec(ctx, "DELETE FROM record WHERE mailbox=?", c.to.id); err != nil {
			return err
		}
	}

	// Numbered by us: the order of rows decides what holds, and it is part of the checksum.
	n := c.to.rows - len(c.rows)
	for _, r := range c.rows {
		n++
		_, err := w.exec(ctx, "INSERT INTO record (mailbox, n, what, at, uids) VALUES (?, ?, ?, ?, ?)",
			c.to.id, n, string(r.what), r.at, r.uids)
		if err != nil {
			return err
		}
	}

	return nil
}

func (w *writer) head(ctx context.Context, c *change) error {
	b := &c.to
	if c.from == 0 {
		return w.newHead(ctx, b)
	}

	res, err := w.exec(ctx, "UPDATE mailbox SET run=?, in_use=?, uidvalidity=?, uidnext=?, "+
		"first=?, settled=?, looked=?, changed=?, folded=?, last_what=?, last_at=?, last_uids=?, sum=? "+
		"WHERE id=? AND run=?",
		b.run, b.inUse, b.validity, b.uidNext, b.census.First, b.census.Settled, b.census.Looked,
		b.changed, b.folded, string(b.last.what), b.last.at, b.last.uids, b.sum(), b.id, c.from)

	if err != nil {
		return err
	}

	n, err := res.RowsAffected()
	// The condition on run found nothing: another retrieval has written in between.
	if err == nil && n != 1 {
		return b.errTaken()
	}

	return err
}

func (w *writer) newHead(ctx context.Context, b *box) error {
	stmt, err := w.prepared(ctx, "INSERT INTO mailbox (account, protocol, name, run, in_use, uidvalidity, "+
		"uidnext, first, settled, looked, changed, folded, last_what, last_at, last_uids, sum) "+
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id")
	if err != nil {
		return err
	}
	// ON CONFLICT DO NOTHING returns no row: another process has made it a moment ago.
	err = stmt.QueryRowContext(ctx, append(b.key.args(), b.run, b.inUse, b.validity, b.uidNext,
		b.census.First, b.census.Settled, b.census.Looked, b.changed, b.folded,
		string(b.last.what), b.last.at, b.last.uids, b.sum())...).Scan(&b.id)
	if errors.Is(err, sql.ErrNoRows) {
		return b.errTaken()
	}
	return err
}

func (s *sqliteStore) note(ctx context.Context, name string) (text string, sum uint32, err error) {
	err = s.read(ctx, func(ctx context.Context, from *source) error {
		stmt, err := from.prepared(ctx, selectNote)
		if err == nil {
			err = stmt.QueryRowContext(ctx, name).Scan(&text, &sum)
		}
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", 0, nil
	}
	return text, sum, err
}

func (s *sqliteStore) notes(ctx context.Context, prefix string) (found map[string]noted, err error) {
	err = s.read(ctx, func(ctx context.Context, from *source) error {
		found, err = from.notes(ctx, prefix)
		return err
	})
	return found, err
}

func (s *source) notes(ctx context.Context, prefix string) (map[string]noted, error) {
	// A range of the primary key: LIKE would look at every note.
	end := []byte(prefix)
	end[len(end)-1]++
	rows, err := s.QueryContext(ctx, "SELECT name, text, sum FROM note WHERE name >= ? AND name < ?",
		prefix, string(end))
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	found := map[string]noted{}
	for rows.Next() {
		var name string
		var n noted
		if err := rows.Scan(&name, &n.text, &n.sum); err != nil {
			return nil, err
		}
		found[name] = n
	}
	return found, rows.Err()
}

func (s *sqliteStore) setNote(ctx context.Context, name, text string, sum uint32) error {
	return s.w.do(ctx, order{single: true, task: func(ctx context.Context, w *writer) error {
		if text == "" {
			_, err := w.exec(ctx, "DELETE FROM note WHERE name=?", name)
			return err
		}
		_, err := w.exec(ctx, "INSERT OR REPLACE INTO note (name, text, sum) VALUES (?, ?, ?)",
			name, text, sum)
		return err
	}})
}

func (s *sqliteStore) sync(ctx context.Context) error {
	return s.w.do(ctx, order{durable: true, task: func(context.Context, *writer) error { return nil }})
}

func (s *sqliteStore) close() error {
	// The writer first: its connection is one of the database's.
	r, err := s.w.stop(s.path)
	if dbErr := s.db.Close(); err == nil {
		err = dbErr
	}
	return errors.Join(err, r.putBack(s.w.place.sync))
}
