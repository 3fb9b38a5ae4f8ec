package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"fetchd/delivery/ownfile"
	"fetchd/tlsverify/hints"
)

// ErrDamaged is in the tree of every error about a file that is not an intact journal.
var ErrDamaged = errors.New("the journal is damaged")

// ErrTaken is in the tree of the error about a record that another retrieval has written since it was
// opened. The refused call has written nothing.
var ErrTaken = errors.New("another retrieval of it has begun")

// ErrClosed is in the tree of the error of a call on a closed journal.
var ErrClosed = errors.New("the journal is closed")

var (
	errForeign = fmt.Errorf("%w: it is not a journal of fetchd", ErrDamaged)
	errEmpty   = fmt.Errorf("%w: it is an empty file", ErrDamaged)
	errOrphan  = fmt.Errorf("%w: only its write-ahead log (-wal) is there", ErrDamaged)
)

// How a record or a note that has changed on the disk is recognised.
var (
	errSum   = errors.New("its checksum is wrong")
	errIndex = fmt.Errorf("%w: an index does not lead to what is there", ErrDamaged)
)

var (
	errHeld = errors.New("another program holds it")
	errGone = errors.New("its file was removed while it is open")

	errReplaced = errors.New("another file has taken its place while it is open")
)

// syncError: a sync failed, now or earlier. What was written may not survive a power failure.
type syncError struct{ err error }

func (e *syncError) Error() string { return fmt.Sprintf("sync: %v", e.err) }
func (e *syncError) Unwrap() error { return e.err }

// errUnsettled: the directories that lead to the journal could not be synced. It is tried again.
var errUnsettled = errors.New("its directories are not durable")

// newerError: the file was written by a later version of this program.
type newerError struct{ version, known int }

func (e *newerError) Error() string {
	return fmt.Sprintf("it has schema version %d and this fetchd knows versions up to %d", e.version, e.known)
}

// damageError: one record or note has changed on the disk; the others are intact. cure is the SQL that
// forgets it, and then says what that leads to.
type damageError struct {
	what, cure, then string
	err              error
}

func (e *damageError) Error() string   { return fmt.Sprintf("%s: %v: %v", e.what, ErrDamaged, e.err) }
func (e *damageError) Unwrap() []error { return []error{ErrDamaged, e.err} }

func (b *box) damage(err error) error {
	return &damageError{
		what: fmt.Sprintf("record of %.200q %.200q", b.account, b.mailbox),
		cure: fmt.Sprintf("DELETE FROM record WHERE mailbox=%d; DELETE FROM mailbox WHERE id=%[1]d", b.id),
		then: "what is on the server then counts as new",
		err:  err,
	}
}

// explain adds the act, the file and a hint to err. Nil stays nil.
func explain(path, act string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}

	var damage *sqlite.Error
	// SQLite's extended codes have the class in their low byte.
	if errors.As(err, &damage) && !errors.Is(err, ErrDamaged) {
		switch damage.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		// An empty file is a database too, for SQLite: somebody has truncated it since it was opened.
		case sqlite3.SQLITE_ERROR:
			if strings.Contains(damage.Error(), "no such table") {
				err = fmt.Errorf("%w: %w", ErrDamaged, err)
			}
		}
	}
	return hints.Errorf(hintFor(err, path), "%s journal %q: %w", act, path, err)
}

// hintFor is the next step after err.
func hintFor(err error, path string) string {
	var unsafe *ownfile.Error
	var damage *damageError
	var newer *newerError
	var unsynced *syncError
	var code *sqlite.Error

	switch {
	// The most telling reason first: an error of SQLite may be the consequence of any other.
	case errors.As(err, &unsafe):
		return "-i names another place"
	case errors.As(err, &unsynced):
		return "see whether the disk is full or faulty, then restart fetchd: " +
			"until then it deletes nothing on a server"
	case errors.Is(err, errUnsettled):
		return "see whether the disk is faulty: nothing is deleted on a server until this works, " +
			"and each retrieval tries it again"
	case errors.Is(err, errGone):
		return "restart fetchd, which puts it back when it ends: until then a crash would lose it"
	case errors.Is(err, errReplaced):
		return "put the right one back while fetchd does not run: " +
			"what is recorded now is lost when it ends, and may come again"
	case errors.Is(err, errHeld):
		return codeHint(sqlite3.SQLITE_BUSY)
	case errors.As(err, &damage):
		return fmt.Sprintf("put the journal back from a backup, or forget this part of it with "+
			"`sqlite3 %s '%s'`; %s", path, damage.cure, damage.then)
	case errors.Is(err, errOrphan):
		return "put the journal back beside its -wal, or move the -wal away to start from scratch: " +
			"what is on the server is then delivered again"
	case errors.Is(err, ErrDamaged):
		return "put it back from a backup, or try `sqlite3 FILE .recover`; moving it away " +
			"(with its -wal and -shm) begins a new one, and what is on the server is then delivered again"
	case errors.As(err, &newer):
		return "use the newer fetchd, or another journal"
	case errors.Is(err, ErrTaken):
		return "see that no two fetchd retrieve the same account"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrExist),
		errors.Is(err, syscall.EROFS):
		return "its directory must be one that this user can write; -i names another place"
	case errors.As(err, &code):
		return codeHint(code.Code() & 0xff)
	}

	return hintPlace
}

// hintPlace is the next step where nothing else is known.
const hintPlace = "see whether its disk works; -i names another place"

// codeHint is the next step after an error code of SQLite.
func codeHint(code int) string {
	switch code {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "another program holds the journal; end it and try again"
	case sqlite3.SQLITE_FULL:
		return "make room on the disk"
	case sqlite3.SQLITE_IOERR:
		return "see whether the disk is full or faulty"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return "the file and its directory must be writable for this user; -i names another place"
	}
	return hintPlace
}
