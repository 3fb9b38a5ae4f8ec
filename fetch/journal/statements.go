package journal

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// statements are the readers' queries of each retrieval, prepared: to parse them each time took longer than
// to run them.
type statements struct {
	head, rows, roster, run, note *sql.Stmt
}

func prepare(ctx context.Context, db *sql.DB) (*statements, error) {
	s := new(statements)
	for query, stmt := range map[string]**sql.Stmt{
		"SELECT " + head + ", sum FROM mailbox" + whereKey: &s.head,
		selectRows: &s.rows,
		"SELECT id, account, protocol, name FROM mailbox NOT INDEXED WHERE id>? ORDER BY id": &s.roster,
		"SELECT run FROM mailbox" + whereKey:                                                 &s.run,
		"SELECT text, sum FROM note WHERE name=?":                                            &s.note,
	} {
		var err error
		if *stmt, err = db.PrepareContext(ctx, query); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

func (s *statements) close() error {
	var errs []error
	for _, stmt := range []*sql.Stmt{s.head, s.rows, s.roster, s.run, s.note} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(errs...)
}

// reader makes statements at their first use: many programs open a journal to write into it, or to list it.
type reader struct {
	db *sql.DB

	mu         sync.Mutex // guards what follows
	statements *statements
}

// prepared returns the statements. The caller must have no transaction, because they may have to wait for a
// connection.
func (r *reader) prepared(ctx context.Context) (*statements, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.statements == nil {
		s, err := prepare(ctx, r.db)
		if err != nil {
			return nil, err
		}
		r.statements = s
	}
	return r.statements, nil
}
