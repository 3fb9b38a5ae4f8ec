// Package process is how a process of ours appears to others: the lock file that excludes a second one, and
// the messages to the service manager.
package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"fetchd/delivery/ownfile"
	"fetchd/tlsverify/hints"
)

// Lock is the lock file while we hold it. It holds our process id and, for a daemon, the interval, as
// fetchmail's does; what excludes others is the flock on it, so that the file of a dead process is harmless.
type Lock struct{ file *os.File }

// LockedError says that another process holds the lock.
type LockedError struct {
	PID       int // 0 = unknown; otherwise it is safe to send signals to the process
	Daemon    bool
	Fetchmail bool // it is not this program, but fetchmail
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return hints.Text("another process holds the lock, and the lock file doesn't say which", e.Hint())
	}
	return fmt.Sprintf("process %d holds the lock", e.PID)
}

// Hint is the user's next step.
func (e *LockedError) Hint() string {
	if e.PID == 0 {
		return "try again, or look with lslocks or fuser"
	}
	return ""
}

// TakeLock takes the lock at path, creating the file (0600). interval is that of a daemon in seconds, 0 for
// one pass. If another process has it, the error is a *LockedError.
func TakeLock(path string, interval int) (l *Lock, err error) {
	awaitHeir(func() bool {
		l, err = tryLock(path, interval)
		var held *LockedError
		return !errors.As(err, &held) || held.lives()
	})
	return l, err
}

func tryLock(path string, interval int) (*Lock, error) {
	for {
		f, err := ownfile.Open(path, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return nil, hints.Errorf("--pidfile names another", "open the lock file: %w", err)
		}
		// flock and not fcntl: the kernel drops an fcntl lock when any descriptor of the file is closed, also
		// one of a library.
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			defer f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, readHolder(f)
			}
			return nil, hints.Errorf("--pidfile names another file", "lock %s: %w", path, err)
		}
		if !stillThere(f, path) { // its holder removed it between our open and our lock
			f.Close()
			continue
		}

		l := &Lock{f}
		if err := l.write(interval); err != nil {
			l.Release()
			return nil, err
		}

		return l, nil
	}
}

func stillThere(f *os.File, path string) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(ours, there)
}

func (l *Lock) write(interval int) error {
	text := strconv.Itoa(os.Getpid()) + "\n"
	if interval > 0 {
		text += strconv.Itoa(interval) + "\n"
	}
	// First empty: a reader between the two steps finds no number, which means "not written yet", and never a
	// mixture of two.
	if err := l.file.Truncate(0); err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	if _, err := l.file.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	return nil
}

// Release removes the file and gives up the lock.
func (l *Lock) Release() {
	// First removed, then unlocked: the other way round we could remove the file of the next holder.
	_ = os.Remove(l.file.Name())
	_ = l.file.Close()
}

// readHolder finds out which process holds the lock. The PID is 0 if the holder has not written it yet.
func readHolder(f *os.File) *LockedError {
	e := readLock(f)
	if e.PID <= 1 || !holds(e.PID, f) {
		e.PID = 0
	}
	return e
}

// readLock reads the lock file, which a process may have written long ago.
func readLock(f *os.File) *LockedError {
	const enough = 64 // two numbers
	text, _ := io.ReadAll(io.LimitReader(f, enough))
	words := strings.Fields(string(text))
	e := &LockedError{}
	if len(words) > 0 {
		e.PID, _ = strconv.Atoi(words[0])
	}
	e.Daemon = len(words) > 1
	return e
}

// LockHolder returns the process that holds the lock at path; nil = none.
func LockHolder(path string) (holder *LockedError, err error) {
	awaitHeir(func() bool {
		holder, err = findHolder(path)
		return holder == nil || holder.lives()
	})
	return holder, err
}

func findHolder(path string) (*LockedError, error) {
	f, err := ownfile.Open(path, os.O_RDWR)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, hints.Errorf("--pidfile names another", "open the lock file: %w", err)
	}
	defer f.Close()

	// Shared, so that two processes that only ask don't take each other for the holder.
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return readHolder(f), nil
	}
	// No flock, but fetchmail takes none: its file alone says that it runs.
	if holder := readLock(f); err == nil && isFetchmail(holder.PID) {
		holder.Fetchmail = true
		return holder, nil
	}

	return nil, err
}
