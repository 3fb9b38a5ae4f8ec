package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Settings of each connection. Another process may hold the journal for busyTimeout milliseconds. The page
// cache is small (KiB, negative by SQLite's convention): records are read once and written at the end of
// the file.
const (
	busyTimeout = 10000
	cacheSize   = -512
	readers     = 2
)

// pageSize is that of a new journal. A record of one message writes a page to the log: a smaller one is
// copied and summed faster, and takes fewer of the system's pages. Older journals keep SQLite's own choice,
// 4096.
const pageSize = 1024

// connect opens no file yet. mode=rw: SQLite itself never creates the database.
func connect(path string) (*sql.DB, error) {
	u := url.URL{Path: path}
	dsn := fmt.Sprintf("file:%s?mode=rw&_pragma=busy_timeout(%d)&_pragma=cache_size(%d)&_pragma=mmap_size(0)"+
		"&_pragma=temp_store(memory)&_pragma=synchronous(normal)", u.EscapedPath(), busyTimeout, cacheSize)
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	// The one more is the writer's.
	db.SetMaxOpenConns(readers + 1)
	db.SetMaxIdleConns(readers)
	return db, nil
}

// builtAs is added to the name while a journal is being built.
const builtAs = ".new"

// create makes the database if there is none. It is built under another name, so that an empty or
// unfinished file at path is never mistaken for a new journal, and the permissions are never wider than
// 0600 (SQLite gives the -wal and -shm the same).
func create(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	// A crash or a full disk may leave an empty file: nothing would count as delivered, and all mail would
	// come again.
	if err == nil && info.Size() == 0 {
		return errEmpty // SQLite would take it for a new database
	}

	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The log holds records that the lost database does not: with a new one, SQLite would ignore or delete
	// it.
	if _, err := os.Stat(path + "-wal"); err == nil {
		return errOrphan
	}

	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+builtAs) // 0600
	if err != nil {
		return err
	}

	defer os.Remove(f.Name()) // only this name: a link to it stays

	if err := errors.Join(f.Close(), build(ctx, f.Name())); err != nil {
		return err
	}

	// The link fails if another process was faster; its journal is as good as ours.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := os.Rename(f.Name(), path); err != nil {
			return err
		}
	}

	return nil // the directories are synced before the first durable record
}

// build gives the empty file at path the current schema, durably.
func build(ctx context.Context, path string) error {
	db, err := connect(path)
	if err != nil {
		return err
	}

	defer db.Close()

	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}

	defer conn.Close()

	// FULL here, as the file gets its name only once it is complete on the disk. What is needed to undo a
	// write is held in memory: a file that is not finished is never used.
	pragmas := fmt.Sprintf(
		"PRAGMA page_size=%d; PRAGMA synchronous=FULL; PRAGMA journal_mode=memory; PRAGMA application_id=%d",
		pageSize, applicationID)
	if _, err := conn.ExecContext(ctx, pragmas); err != nil {
		return err
	}

	if err := migrate(ctx, conn); err != nil {
		return err
	}

	// Last, so that the schema is in the file itself and not in a log beside it.
	return wal(ctx, conn)
}

func wal(ctx context.Context, conn *sql.Conn) error {
	var mode string
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode=wal").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system does not allow a write-ahead log (mode %q)", mode)
	}
	return nil
}
