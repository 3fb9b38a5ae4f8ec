package journal

import (
	"context"
	"database/sql"
	"sync"
)

// The readers' queries of each retrieval.
const (
	selectHead = "SELECT " + head + ", sum FROM mailbox" + whereKey
	selectRun  = "SELECT run FROM mailbox" + whereKey
	selectNote = "SELECT text, sum FROM note WHERE name=?"
)

// statements are queries that were prepared at their first use: to parse them each time took longer than to
// run them, and many programs open a journal and need few. All queries are constant, so they don't grow.
type statements map[string]*sql.Stmt

// preparer is a sql.DB or a sql.Conn.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

func (s statements) prepared(ctx context.Context, by preparer, query string) (*sql.Stmt, error) {
	if stmt := s[query]; stmt != nil {
		return stmt, nil
	}

	stmt, err := by.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s[query] = stmt
	return stmt, nil
}

// reader keeps the readers' statements.
type reader struct {
	db *sql.DB

	mu    sync.Mutex // guards what follows
	stmts statements
}

func newReader(db *sql.DB) *reader { return &reader{db: db, stmts: statements{}} }

// prepared returns the statement for a query. The caller must have no transaction, because it may have to
// wait for a connection.
func (r *reader) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stmts.prepared(ctx, r.db, query)
}

// moment is the context for queries of a moment, unless ctx has ended. database/sql and the driver each start
// a goroutine for each query, which waits for the end of its context: these cost more than the query, which
// is over before it could be ended.
func moment(ctx context.Context) (context.Context, error) {
	return context.WithoutCancel(ctx), ctx.Err()
}
