package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"fetchd/delivery/ownfile"
)

// lock is the lock file while we hold it. It holds our process id and, for a daemon, the interval, as fetchmail's
// does; what excludes others is the flock on it, so that the file of a dead process is harmless.
type lock struct{ file *os.File }

// lockedError says that another process holds the lock.
type lockedError struct {
	pid       int // 0 = it isn't known; else the process may be sent signals
	daemon    bool
	fetchmail bool // it is not this program, but fetchmail
}

func (e *lockedError) Error() string {
	if e.pid == 0 {
		return "another process holds the lock, and the lock file doesn't say which; " +
			"try again, or look with lslocks or fuser"
	}
	return fmt.Sprintf("process %d holds the lock", e.pid)
}

// takeLock takes the lock at path, creating the file (0600). interval is that of a daemon in seconds, 0 for one pass.
// When another process has it the error is a *lockedError.
func takeLock(path string, interval int) (l *lock, err error) {
	awaitHeir(func() bool {
		l, err = tryLock(path, interval)
		var held *lockedError
		return !errors.As(err, &held) || held.lives()
	})
	return l, err
}

func tryLock(path string, interval int) (*lock, error) {
	for {
		f, err := ownfile.Open(path, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return nil, fmt.Errorf("open the lock file: %w; --pidfile names another", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			defer f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, readHolder(f)
			}
			return nil, fmt.Errorf("lock %s: %w; --pidfile names another file", path, err)
		}
		if !stillThere(f, path) { // its holder removed it between our open and our lock
			f.Close()
			continue
		}
		l := &lock{f}
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

func (l *lock) write(interval int) error {
	text := strconv.Itoa(os.Getpid()) + "\n"
	if interval > 0 {
		text += strconv.Itoa(interval) + "\n"
	}
	if err := l.file.Truncate(0); err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	if _, err := l.file.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	return nil
}

// Release removes the file and gives up the lock.
func (l *lock) Release() {
	_ = os.Remove(l.file.Name())
	_ = l.file.Close()
}

// readHolder reads who holds the lock. A holder that has not written its id yet has the id 0.
func readHolder(f *os.File) *lockedError {
	e := readLock(f)
	if e.pid <= 1 || !hasOpen(e.pid, f) {
		e.pid = 0
	}
	return e
}

// readLock reads what the lock file says, be it long ago.
func readLock(f *os.File) *lockedError {
	const enough = 64 // two numbers
	text, _ := io.ReadAll(io.LimitReader(f, enough))
	words := strings.Fields(string(text))
	e := &lockedError{}
	if len(words) > 0 {
		e.pid, _ = strconv.Atoi(words[0])
	}
	e.daemon = len(words) > 1
	return e
}

// lockHolder tells who holds the lock at path; nil = nobody.
func lockHolder(path string) (holder *lockedError, err error) {
	awaitHeir(func() bool {
		holder, err = findHolder(path)
		return holder == nil || holder.lives()
	})
	return holder, err
}

func findHolder(path string) (*lockedError, error) {
	f, err := ownfile.Open(path, os.O_RDWR)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w; --pidfile names another", err)
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return readHolder(f), nil
	}
	if holder := readLock(f); err == nil && isFetchmail(holder.pid) {
		holder.fetchmail = true
		return holder, nil
	}
	return nil, err
}
