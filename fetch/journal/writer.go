package journal

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fetchd/fetch/fault"
)

// groupMax bounds how many tasks share one commit, so that the first of them doesn't wait long for it.
const groupMax = 256

// rewriteAgain is the pause before another attempt while another process rewrites the log: SQLite does not
// wait for that.
const rewriteAgain = 20 * time.Millisecond

// task is something to write. It runs inside a transaction that may hold other tasks, and runs again in one
// of its own when that transaction fails.
type task func(context.Context, *writer) error

type order struct {
	task    task
	single  bool // the task is one statement
	durable bool
	done    chan error
}

// run does the task. A panic fails only this task.
func (o order) run(ctx context.Context, w *writer) (err error) {
	defer fault.Recover(&err)
	return o.task(ctx, w)
}

// writer is the one connection that writes. One of those that have something to write does it for all that
// wait by then, in its own goroutine: to wake another one would take as long as a commit.
type writer struct {
	turn   chan struct{} // capacity 1: whoever has put something in owns what follows below
	orders chan order    // of those that wait, for whoever has the turn
	quit   chan struct{}

	// Owned by whoever has the turn, and by stop for ever.
	conn    *sql.Conn
	own     *source  // conn
	log     *os.File // the write-ahead log; SQLite keeps the file as long as conn is open
	syncLog func(*os.File) error
	dirty   bool  // something was committed since the last sync
	syncErr error // of the first sync that failed
	place   settler
	view    view
}

// newWriter opens the connection, brings the schema up to date and proves that the journal can be written.
func newWriter(ctx context.Context, db *sql.DB, path string, o Options) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}

	w := &writer{
		conn: conn, own: newSource(conn), syncLog: o.Sync,
		place: settler{dir: filepath.Dir(path), sync: o.SyncDir},
		turn:  make(chan struct{}, 1), orders: make(chan order), quit: make(chan struct{}),
	}

	if w.syncLog == nil {
		w.syncLog = (*os.File).Sync
	}
	if w.place.sync == nil {
		w.place.sync = syncDir
	}

	// Looked at before we open the log ourselves.
	left := hasLog(path)
	err = w.prove(ctx)
	if err == nil && left {
		err = w.rewrite(ctx)
	}

	if err == nil {
		// The same file that SQLite writes: an fsync of any descriptor writes all its pages.
		w.log, err = os.OpenFile(path+"-wal", os.O_WRONLY, 0)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}

	return w, nil
}

// prove checks the version first, because journal_mode would write to a file that is not ours.
func (w *writer) prove(ctx context.Context) error {
	if _, err := version(ctx, w.conn); err != nil {
		return err
	}
	if err := wal(ctx, w.conn); err != nil {
		return err
	}
	return migrate(ctx, w.conn)
}

// hasLog tells whether there is a write-ahead log that is not empty: its process did not end well, or is
// still running.
func hasLog(path string) bool {
	info, err := os.Stat(path + "-wal")
	return err == nil && info.Size() > 0
}

// rewrite brings what another process left in the write-ahead log into the database, durably. That process
// may have ended because a sync failed. Then the system believes that the log's pages are written although
// they are not, and no sync of the log would write them.
func (w *writer) rewrite(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, busyTimeout*time.Millisecond, errHeld)
	defer cancel()
	again := time.NewTicker(rewriteAgain)
	defer again.Stop()

	for {
		var busy, inLog, written int
		err := w.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(FULL)").Scan(&busy, &inLog, &written)
		switch {
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil || busy == 0:
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// do waits until o is committed. If ctx ends before anybody has begun with o, it is withdrawn; after that
// the wait is bounded by busyTimeout.
func (w *writer) do(ctx context.Context, o order) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.done = make(chan error, 1)
	select {
	case w.turn <- struct{}{}:
		w.lead(ctx, o)
		return <-o.done
	// No buffer: once the order is taken, it is being written, and the answer will come.
	case w.orders <- o:
		// Not with ctx: nobody may believe that something was not written which then is.
		return <-o.done
	case <-w.quit:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lead commits o, and with it whatever else waits. It has the turn and ends it.
func (w *writer) lead(ctx context.Context, o order) {
	defer func() { <-w.turn }()
	// Not ended by ctx: others wait for the same commit.
	w.group(context.WithoutCancel(ctx), w.gather(o))
}

// gather adds the orders that are already waiting.
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

// group commits all orders together. If that fails it commits each by itself, so that a bad order fails
// alone. If another program holds the journal they all fail, because each would wait for busyTimeout again.
func (w *writer) group(ctx context.Context, orders []order) {
	err := w.commit(ctx, orders)
	var unsynced *syncError
	if errors.As(err, &unsynced) { // they are committed, which is enough for those that need not be durable
		for _, o := range orders {
			if o.durable {
				o.done <- err
			} else {
				o.done <- nil
			}
		}
		return
	}

	held := isBusy(err)
	for _, o := range orders {
		if err != nil && len(orders) > 1 && !held {
			o.done <- w.commit(ctx, []order{o})
			continue
		}
		o.done <- err
	}
}

// commit commits all orders, or none. Whatever panics, the others that wait get their answer.
func (w *writer) commit(ctx context.Context, orders []order) (err error) {
	defer func() {
		if errors.As(err, new(*fault.Error)) {
			_ = w.rollback(ctx, err)
		}
	}()
	defer fault.Recover(&err)

	durable := slices.ContainsFunc(orders, func(o order) bool { return o.durable })
	if durable { // before anything is written, so that nothing is repeated if this fails
		if err := w.place.settle(); err != nil {
			return err
		}
	}

	if err := w.transact(ctx, orders); err != nil {
		return err
	}

	w.dirty = true
	if durable {
		return w.sync()
	}

	return nil
}

// transact runs all orders in one transaction.
func (w *writer) transact(ctx context.Context, orders []order) error {
	// A statement is a transaction by itself, and BEGIN and COMMIT would cost as much as it does.
	if len(orders) == 1 && orders[0].single {
		return w.single(ctx, orders[0])
	}

	w.view.end()
	// IMMEDIATE takes the lock now: a transaction that asks for it later may fail in the middle.
	if _, err := w.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}

	for _, o := range orders {
		if err := o.run(ctx, w); err != nil {
			return w.rollback(ctx, err)
		}
	}

	if _, err := w.exec(ctx, "COMMIT"); err != nil {
		return w.rollback(ctx, err)
	}

	return nil
}

// rollback returns err. SQLite may have rolled back already; then the error of ROLLBACK means nothing.
func (w *writer) rollback(ctx context.Context, err error) error {
	w.view.end()
	_, _ = w.exec(ctx, "ROLLBACK")
	return err
}

// sync makes everything durable that was committed so far. The connection uses synchronous=NORMAL, which
// leaves writing the log to the system: that survives the death of the process. After a failed sync no
// later one is believed, because the system may have dropped the pages.
func (w *writer) sync() error {
	if w.syncErr == nil {
		w.syncErr = w.syncLog(w.log)
	}
	w.dirty = w.syncErr != nil
	if w.syncErr != nil {
		return &syncError{w.syncErr}
	}
	return nil
}

// exec runs a statement.
func (w *writer) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := w.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (w *writer) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	return w.own.prepared(ctx, query)
}

// stop takes the turn for ever, makes everything durable and closes the connection. If the file at path is
// gone, what it held is rescued.
func (w *writer) stop(path string) (rescued, error) {
	close(w.quit)
	w.turn <- struct{}{}
	w.view.end()
	r, err := w.rescue(context.Background(), path)
	if w.dirty {
		err = errors.Join(err, w.place.settle(), w.sync())
	}
	w.own.close()
	return r, errors.Join(err, w.conn.Close(), w.log.Close())
}
