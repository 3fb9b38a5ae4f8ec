package journal

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// viewLasts bounds the age of a view. As long as there is one, no process can empty the log, and a process
// that opens the journal waits for that.
const viewLasts = 20 * time.Millisecond

// selectView has a row in every journal. It reads a table that no record changes.
const selectView = "SELECT 1 FROM sqlite_schema"

// view is a read transaction that the writer's connection keeps from one statement to the next. Where each
// message is recorded before the next one may be final, a record takes two of SQLite's locks instead of six.
//
// Other processes read and write as ever. When they have written, the view is of the past: SQLite refuses to
// write behind it, and whoever reads ends it first.
type view struct {
	rows   *sql.Rows   // of a query that is not read to its end; nil = there is no view
	limit  *time.Timer // ends it
	wanted bool        // the order before was a single one too
}

// single runs an order that is one statement.
func (w *writer) single(ctx context.Context, o order) error {
	err := o.run(ctx, w)
	// Another process writes, or has done so since. Only without a view does SQLite wait, and look again.
	if w.view.rows != nil && isBusy(err) {
		w.view.end()
		err = o.run(ctx, w)
	}

	if err == nil {
		w.keepView(ctx)
	}
	return err
}

// keepView begins a view behind the second of two orders, as more may follow then. Behind a single one it
// would take longer than it saves. Without a view the next order is only slower.
func (w *writer) keepView(ctx context.Context) {
	if w.view.rows != nil || !w.view.wanted {
		w.view.wanted = true
		return
	}

	stmt, err := w.prepared(ctx, selectView)
	if err != nil {
		return
	}
	if w.view.rows, err = stmt.QueryContext(ctx); err != nil {
		w.view = view{}
		return
	}

	w.view.rows.Next() // now it reads
	w.view.limit = time.AfterFunc(viewLasts, w.endView)
}

// endView ends the view, if there is one by then, as soon as nobody has the turn.
func (w *writer) endView() {
	select {
	case w.turn <- struct{}{}:
		w.view.end()
		<-w.turn
	case <-w.quit:
	}
}

// end ends the view, if there is one. The caller has the writer's turn.
func (v *view) end() {
	if v.rows != nil {
		v.limit.Stop()
		v.rows.Close()
	}
	*v = view{}
}

// isBusy tells whether err says that another process holds the journal, or has written since it was read.
func isBusy(err error) bool {
	code, ok := errors.AsType[*sqlite.Error](err)
	return ok && code.Code()&0xff == sqlite3.SQLITE_BUSY
}
