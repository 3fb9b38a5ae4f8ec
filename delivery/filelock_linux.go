package delivery

import (
	"errors"

	"golang.org/x/sys/unix"
)

// lockFile takes the lock that programs take with fcntl(2), without waiting. It belongs to the open file and
// not to the process, so it holds against the process itself too.
func lockFile(fd int) error { return setLock(fd, unix.F_WRLCK) }

// unlockFile gives it up.
func unlockFile(fd int) error { return setLock(fd, unix.F_UNLCK) }

func setLock(fd int, kind int16) error {
	lock := unix.Flock_t{Type: kind}
	err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lock)
	if errors.Is(err, unix.EINVAL) { // an old kernel, or a file system that does not know it
		err = unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &lock)
	}
	return err
}
