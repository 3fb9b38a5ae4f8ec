//go:build !linux

package delivery

import "golang.org/x/sys/unix"

// lockFile takes the lock of fcntl(2), without waiting. It belongs to the process: it doesn't hold against
// another delivery here, and ends when any descriptor of the file is closed.
func lockFile(fd int) error { return setLock(fd, unix.F_WRLCK) }

// unlockFile gives it up.
func unlockFile(fd int) error { return setLock(fd, unix.F_UNLCK) }

func setLock(fd int, kind int16) error {
	return unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &unix.Flock_t{Type: kind})
}
