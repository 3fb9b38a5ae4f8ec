// Package journal remembers which messages were delivered, so that none is delivered twice and none is
// deleted on the server before it was delivered. It is a SQLite database; `sqlite3 FILE` shows it.
//
// A record is a short log of facts (delivered, still to be acknowledged, acknowledged, gone from the server
// …), one row for each batch, that End folds together from time to time. One goroutine writes for all
// accounts and puts what is waiting into one commit. The package doesn't decide what is new, and does not
// talk to servers.
package journal

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options are the settings of OpenWith; the zero value is what Open uses.
type Options struct {
	Now     func() time.Time        // the clock; nil = time.Now
	Sync    func(*os.File) error    // makes the write-ahead log durable; nil = (*os.File).Sync
	SyncDir func(path string) error // makes the names in a directory durable; nil = fsync(2) of it
}

// Journal is an open journal. It is safe for concurrent use, by several processes too.
type Journal struct {
	path  string
	store store
	now   func() time.Time
	close func() error
}

// Open opens or creates the journal at path (0600, missing directories 0700) and proves that it can be
// written. Closing is up to the caller. A damaged, foreign or newer file is an error and left as it is, and
// so is one that another user could have written, or that stands where another user can put files.
func Open(ctx context.Context, path string) (*Journal, error) {
	return OpenWith(ctx, path, Options{})
}

// OpenWith is Open with a choice of clock and system call.
func OpenWith(ctx context.Context, path string, o Options) (*Journal, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, explain(path, "open", err)
	}
	real, err := findPlace(path) // SQLite follows links too, for the -wal
	if err != nil {
		return nil, explain(path, "open", err)
	}
	path = real
	if err := create(ctx, path); err != nil {
		return nil, explain(path, "create", err)
	}
	s, err := openSQLite(ctx, path, o)
	if err != nil {
		return nil, explain(path, "open", err)
	}
	return over(s, path, o.Now), nil
}

// over is a journal that is kept in s.
func over(s store, path string, now func() time.Time) *Journal {
	if now == nil {
		now = time.Now
	}
	return &Journal{path: path, store: s, now: now, close: sync.OnceValue(s.close)}
}

// Close ends all writing durably. Writing to a closed journal is an error; closing it again gives the same
// result.
func (j *Journal) Close() error { return explain(j.path, "close", j.close()) }

// Sync returns once all that was recorded so far survives a power failure. After a sync that failed it
// fails until the journal is opened anew, and so does every durable record.
func (j *Journal) Sync(ctx context.Context) error { return explain(j.path, "write", j.store.sync(ctx)) }
