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

// reader keeps the readers' queries, prepared: to parse them each time took longer than to run them.
type reader struct {
	db *sql.DB

	mu         sync.Mutex // guards what follows
	statements map[string]*sql.Stmt
}

func newReader(db *sql.DB) *reader { return &reader{db: db, statements: map[string]*sql.Stmt{}} }

// prepared returns the statement for one of a few constant queries, which is prepared at its first use: many
// programs open a journal to write into it, or to list it. The caller must have no transaction, because it
// may have to wait for a connection.
func (r *reader) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.statements[query]; s != nil {
		return s, nil
	}

	s, err := r.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	r.statements[query] = s
	return s, nil
}

// moment is the context for queries of a moment, unless ctx has ended. database/sql and the driver each start
// a goroutine for each query, which waits for the end of its context: these cost more than the query, which
// is over before it could be ended.
func moment(ctx context.Context) (context.Context, error) {
	return context.WithoutCancel(ctx), ctx.Err()
}
