package journal

import (
	"context"
	"database/sql"
	"fmt"
)

// groupMax bounds how many tasks share one commit, so that the first of them doesn't wait long for it.
const groupMax = 256

// task is something to write. It runs on the writer's goroutine inside a transaction that may hold other tasks, and runs
// again in one of its own when that transaction fails.
type task func(context.Context, *writer) error

type order struct {
	task    task
	durable bool
	done    chan error
}

// writer is the one goroutine that writes, with its own connection.
type writer struct {
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt
	full   bool // synchronous=FULL is in force
	dirty  bool // something was committed since the last sync
	orders chan order
	quit   chan struct{}
	ended  chan struct{}
}

// newWriter opens the connection, brings the schema up to date and proves that the journal can be written.
func newWriter(ctx context.Context, db *sql.DB) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{
		conn: conn, stmts: map[string]*sql.Stmt{}, dirty: true,
		orders: make(chan order), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := w.prove(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return w, nil
}

// prove looks at the version first: journal_mode would write to a file that is not ours.
func (w *writer) prove(ctx context.Context) error {
	if _, err := version(ctx, w.conn); err != nil {
		return err
	}
	if err := wal(ctx, w.conn); err != nil {
		return err
	}
	return migrate(ctx, w.conn)
}

// do waits until t is committed. A ctx that ends before the writer has begun withdraws it; after that the wait is
// bounded by busyTimeout.
func (w *writer) do(ctx context.Context, durable bool, t task) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := order{t, durable, make(chan error, 1)}
	select {
	case w.orders <- o:
		return <-o.done
	case <-w.quit:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) run(ctx context.Context) {
	defer close(w.ended)
	for {
		select {
		case <-w.quit:
			return
		case o := <-w.orders:
			w.group(ctx, w.gather(o))
		}
	}
}

// gather takes along whoever is waiting already.
func (w *writer) gather(first order) []order {
	orders := []order{first}
	for len(orders) < groupMax {
		select {
		case o := <-w.orders:
			orders = append(orders, o)
		default:
			return orders
		}
	}
	return orders
}

// group commits all in one, or else each by itself, so that what is wrong with one order fails only that one.
func (w *writer) group(ctx context.Context, orders []order) {
	err := w.commit(ctx, orders)
	for _, o := range orders {
		if err != nil && len(orders) > 1 {
			o.done <- w.commit(ctx, []order{o})
			continue
		}
		o.done <- err
	}
}

func (w *writer) commit(ctx context.Context, orders []order) error {
	durable := false
	for _, o := range orders {
		durable = durable || o.durable
	}
	if err := w.synchronous(ctx, durable); err != nil {
		return err
	}
	if _, err := w.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, o := range orders {
		if err := o.task(ctx, w); err != nil {
			return w.rollback(ctx, err)
		}
	}
	if _, err := w.exec(ctx, "COMMIT"); err != nil {
		return w.rollback(ctx, err)
	}
	w.dirty = !durable
	return nil
}

// rollback returns err. SQLite may have rolled back by itself; then there is an error of no interest.
func (w *writer) rollback(ctx context.Context, err error) error {
	_, _ = w.exec(ctx, "ROLLBACK")
	return err
}

// synchronous chooses between NORMAL (the log is written, which survives the death of the process) and FULL (the whole
// log is synced at each commit, so what was written under NORMAL before is safe then, too).
func (w *writer) synchronous(ctx context.Context, full bool) error {
	if full == w.full {
		return nil
	}
	pragma := "PRAGMA synchronous=NORMAL"
	if full {
		pragma = "PRAGMA synchronous=FULL"
	}
	if _, err := w.conn.ExecContext(ctx, pragma); err != nil {
		return err
	}
	w.full = full
	return nil
}

// exec runs a statement, prepared at its first use. The statements are few and constant.
func (w *writer) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := w.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (w *writer) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := w.stmts[query]; s != nil {
		return s, nil
	}
	s, err := w.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	w.stmts[query] = s
	return s, nil
}

// stop ends the goroutine, makes everything durable and closes the connection.
func (w *writer) stop() error {
	close(w.quit)
	<-w.ended
	var err error
	if w.dirty {
		// A commit that changes no page syncs nothing; setting the version changes one.
		err = w.commit(context.Background(), []order{{durable: true, task: func(ctx context.Context, w *writer) error {
			_, err := w.exec(ctx, fmt.Sprintf("PRAGMA user_version=%d", len(migrations())))
			return err
		}}})
	}
	for _, s := range w.stmts {
		s.Close()
	}
	if closeErr := w.conn.Close(); err == nil {
		err = closeErr
	}
	return err
}
