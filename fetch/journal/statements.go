package journal

import (
	"context"
	"database/sql"
	"sync"
)

// The readers' queries of each retrieval. Each is one statement, so that what it finds is of one moment.
const (
	selectRecord = "SELECT " + head + ", sum, coalesce(what, ''), coalesce(at, 0), coalesce(uids, '') " +
		"FROM mailbox LEFT JOIN record ON record.mailbox=mailbox.id" + whereKey + " ORDER BY n"
	selectRun  = "SELECT run FROM mailbox" + whereKey
	selectNote = "SELECT text, sum FROM note WHERE name=?"

	// countLost counts the records of a key, given twice, that the index does not find.
	countLost = "SELECT (SELECT count(*) FROM mailbox NOT INDEXED" + whereKey + ") - " +
		"(SELECT count(*) FROM mailbox" + whereKey + ")"
)

// source is a sql.DB or a sql.Conn with the statements that were prepared on it at their first use: to parse
// them each time took longer than to run them, and many programs open a journal and need few. All queries are
// constant, so they don't grow.
type source struct {
	database

	mu    sync.Mutex // guards what follows
	stmts map[string]*sql.Stmt
}

type database interface {
	queryer
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

func newSource(d database) *source { return &source{database: d, stmts: map[string]*sql.Stmt{}} }

// prepared returns the statement for a query.
func (s *source) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt := s.stmts[query]; stmt != nil {
		return stmt, nil
	}

	stmt, err := s.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = stmt
	return stmt, nil
}

// close closes the statements.
func (s *source) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stmt := range s.stmts {
		stmt.Close()
	}
}

// read calls f with a source of what is committed, unless ctx has ended.
//
// That is the writer's connection if nobody writes at this moment. A program with one account then opens no
// other, which would take longer than all that it reads. Nobody waits for the writer, whose turn may last as
// long as a sync.
//
// f's context does not end. database/sql and the driver each start a goroutine for each query, which waits
// for the end of its context: these cost more than the query, which is over before it could be ended.
func (s *sqliteStore) read(ctx context.Context, f func(context.Context, *source) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)

	select {
	case s.w.turn <- struct{}{}:
		defer func() { <-s.w.turn }()
		s.w.view.end() // which may be of the past
		return f(ctx, s.w.own)
	default:
		return f(ctx, s.readers)
	}
}
