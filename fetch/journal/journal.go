// Package journal remembers which messages were delivered, so that none is delivered twice and none is
// deleted on the server before its delivery. It is a SQLite database; `sqlite3 FILE` shows it.
//
// A record is a short log of facts (delivered, still to be acknowledged, acknowledged, gone from the server
// …), one row for each batch, that End folds together from time to time. The last row is in the record's
// head and grows while the same happens again, so that a message that is recorded alone changes one row of
// one page. One goroutine writes for all accounts and commits what is waiting together. The package doesn't
// decide what is new, and does not talk to servers.
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
	file  os.FileInfo // at path when it was opened; nil if there was none
	store store
	holds holds
	now   func() time.Time
	close func() error
}

// Open opens or creates the journal at path (0600, missing directories 0700) and proves that it can be
// written. The caller must close it. A damaged, foreign or newer file is an error and is not changed. So is
// a file that another user could have written, or one in a place where another user can put files.
func Open(ctx context.Context, path string) (*Journal, error) {
	return OpenWith(ctx, path, Options{})
}

// OpenWith is Open with another clock or other system calls.
func OpenWith(ctx context.Context, path string, o Options) (*Journal, error) {
	// SQLite opens its -wal and -shm by name later, whatever the directory is then.
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, explain(path, "open", err)
	}

	real, err := findPlace(path) // without links: SQLite resolves them too before it names the -wal
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

	j := over(s, path, o.Now)
	j.holds.path = path + lockSuffix
	if info, err := os.Stat(path); err == nil { // else CheckPlace says that it is gone
		j.file = info
	}
	return j, nil
}

// over makes a journal on the store s.
func over(s store, path string, now func() time.Time) *Journal {
	if now == nil {
		now = time.Now
	}
	j := &Journal{path: path, store: s, now: now}
	j.close = sync.OnceValue(func() error {
		defer j.holds.close() // last: as long as we write, nobody else does
		return s.close()
	})
	return j
}

// Close ends all writing durably. Writing to a closed journal is an error; closing it again gives the same
// result.
func (j *Journal) Close() error { return explain(j.path, "close", j.close()) }

// Sync returns when all that was recorded so far survives a power failure. After a failed sync it fails
// until the journal is opened again, and so does every durable record.
func (j *Journal) Sync(ctx context.Context) error { return explain(j.path, "write", j.store.sync(ctx)) }
