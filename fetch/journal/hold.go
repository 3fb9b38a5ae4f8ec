package journal

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"fetchd/delivery/ownfile"
)

// lockSuffix is what the name of the file that is locked ends in: that of the journal itself has SQLite's own
// locks, which end when any descriptor of it is closed.
const lockSuffix = ".lock"

// holds are the records that this process retrieves: for each a byte of the lock file is locked. The kernel
// gives such a lock up when the process dies, and not while it is only stopped. It belongs to the process, so
// it doesn't hold against another journal here that has the same file open, and ends when that is closed.
type holds struct {
	path string // of the lock file; "" = nothing is locked

	mu   sync.Mutex
	file *os.File // from the first lock on
}

// take locks a record, or returns ErrTaken because another process has it. It does nothing for one that is
// held.
func (h *holds) take(k key) error {
	if h.path == "" {
		return nil
	}

	f, err := h.open()
	if err != nil {
		return err
	}
	lock := byteOf(k, unix.F_WRLCK)
	err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock)
	// POSIX leaves it to the system which of the two says that it is held.
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("record of %.200q %.200q: %w%s", k.account, k.mailbox, ErrTaken, holder(f, k))
	}
	if err != nil {
		return fmt.Errorf("lock %q: %w", h.path, err)
	}

	return nil
}

func (h *holds) open() (*os.File, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file != nil {
		return h.file, nil
	}

	f, err := ownfile.Open(h.path, os.O_RDWR|os.O_CREATE)
	if err == nil {
		h.file = f
	}
	return f, err
}

// holder says which process has the record, if the kernel knows: it may be another machine's.
func holder(f *os.File, k key) string {
	lock := byteOf(k, unix.F_WRLCK)
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil || lock.Type == unix.F_UNLCK ||
		lock.Pid <= 0 {
		return ""
	}
	return fmt.Sprintf(", by process %d", lock.Pid)
}

// release gives a record up.
func (h *holds) release(k key) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file == nil {
		return
	}
	lock := byteOf(k, unix.F_UNLCK)
	_ = unix.FcntlFlock(h.file.Fd(), unix.F_SETLK, &lock)
}

// byteOf is the byte of a record. That two records share one costs no more than a retrieval, and is as good
// as impossible: there are 2^62.
func byteOf(k key, kind int16) unix.Flock_t {
	hash := fnv.New64a()
	_, _ = fmt.Fprintf(hash, "%q %q %q", k.account, k.protocol, k.mailbox)
	return unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: int64(hash.Sum64() >> 2), Len: 1}
}

// close gives up all.
func (h *holds) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file != nil {
		_ = h.file.Close()
		h.path, h.file = "", nil
	}
}
