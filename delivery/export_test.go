package delivery

import (
	"runtime"
	"time"
)

// Interpose has step called with the name of each system call of an append: before it, in the middle of a
// write, and after it. An error of step becomes the call's.
func Interpose(d Deliverer, step func(call string) error) {
	m := mailFileOf(d)
	real := m.sys
	around := func(call string, f func() error) error {
		if err := step(call); err != nil {
			return err
		}
		if err := f(); err != nil {
			return err
		}
		return step(call + " done")
	}

	m.sys = fileCalls{
		lock: func(fd int) error { return around("lock", func() error { return real.lock(fd) }) },
		make: func(path, text string) error {
			return around("make", func() error { return real.make(path, text) })
		},
		remove: func(path string) error {
			return around("remove", func() error { return real.remove(path) })
		},
		fsync: func(fd int) error { return around("fsync", func() error { return real.fsync(fd) }) },
		truncate: func(fd int, size int64) error {
			return around("truncate", func() error { return real.truncate(fd, size) })
		},
		write: func(fd int, p []byte) error {
			return around("write", func() error {
				if err := real.write(fd, p[:len(p)/2]); err != nil {
					return err
				}
				if err := step("half"); err != nil {
					return err
				}
				return real.write(fd, p[len(p)/2:])
			})
		},
	}
}

// SetWait sets how long others may hold the locks.
func SetWait(d Deliverer, wait time.Duration) { mailFileOf(d).wait = wait }

// SetNow sets the clock for the lines "From ".
func SetNow(d *Mbox, now func() time.Time) { d.now = now }

func mailFileOf(d Deliverer) *mailFile {
	if d, ok := d.(*BSMTP); ok {
		return d.file
	}
	return d.(*Mbox).file
}

// LockFile takes the lock of fcntl.
func LockFile(fd int) error { return lockFile(fd) }

// UnlockFile gives it up.
func UnlockFile(fd int) error { return unlockFile(fd) }

// LocksAreOfFiles tells whether LockFile holds against another open file of the same process.
const LocksAreOfFiles = runtime.GOOS == "linux"

// KeyOf is the identifier in the Received: line of a message that is appended.
func KeyOf(m *Message) string { return appendKey(m) }
