package delivery

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	dotlockEnding = ".lock"
	// dotlockStale is how old a lock may become while the file does not change either. Programs that hold one
	// for longer touch it (liblockfile: each minute).
	dotlockStale = 5 * time.Minute
	// dotlockText is how much of a lock is read. Ours has a number and the name of a host.
	dotlockText = 300
)

// dotlock is FILE.lock, which mail programs create exclusively while they write FILE. The lock of fcntl is
// held meanwhile, so two of us never judge one lock at the same time.
type dotlock struct {
	path string // of the lock
	sys  *fileCalls
	held bool
}

// take makes the lock, and removes one that was left behind. Where we can't make files there is none, as in
// /var/mail for users outside the group mail. Otherwise the error is errLocked.
func (l *dotlock) take(mailbox os.FileInfo) error {
	err := l.make()
	if errors.Is(err, unix.EEXIST) && l.isStale(mailbox) {
		_ = l.sys.remove(l.path)
		err = l.make()
	}

	switch {
	case err == nil:
		l.held = true
		return nil
	// The lock of fcntl, which is held by now, has to be enough.
	case cannotMake(err):
		return nil
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("%w: %s exists", errLocked, l.path)
	}

	return err
}

// cannotMake tells whether err means that there can be no lock beside the file.
func cannotMake(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS)
}

// make makes the lock with our number and our host, as Dovecot does: others can see whether we still run.
func (l *dotlock) make() error { return l.sys.make(l.path, holder(os.Getpid())) }

// holder is how a lock names the process that holds it.
func holder(pid int) string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return strconv.Itoa(pid) + ":" + host
}

// release removes the lock.
func (l *dotlock) release() {
	if l.held {
		_ = l.sys.remove(l.path)
		l.held = false
	}
}

// isStale tells whether the lock was left behind: by a process of this host that has ended, or long ago. What
// is no regular file was not made by a mail program.
func (l *dotlock) isStale(mailbox os.FileInfo) bool {
	// Somebody who can write in the directory might have put a pipe or a link there.
	f, err := os.OpenFile(l.path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()

	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false
	}

	text, _ := io.ReadAll(io.LimitReader(f, dotlockText))
	pid, host, _ := strings.Cut(strings.TrimSpace(string(text)), ":")
	if n, err := strconv.Atoi(pid); err == nil && n > 0 && holder(n) == pid+":"+host && hasEnded(n) {
		return true
	}

	return time.Since(info.ModTime()) > dotlockStale && time.Since(mailbox.ModTime()) > dotlockStale
}

// hasEnded tells whether there is no such process. That it is this one also means that its lock was left
// behind, by a process of the same number before: ours is not held now.
func hasEnded(pid int) bool { return pid == os.Getpid() || errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

// makeDotlock creates the lock exclusively and together with its text, so that whenever we are killed others
// can see whose it was. The file that gets the lock's name is nobody else's: the lock of fcntl is held.
func makeDotlock(path, text string) error {
	made := path + ".new"
	_ = os.Remove(made)
	if err := writeExclusively(made, text); err != nil {
		return err
	}

	err := os.Link(made, path)
	_ = os.Remove(made)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) {
		return writeExclusively(path, text) // the file system has no hard links
	}
	return err
}

func writeExclusively(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}
