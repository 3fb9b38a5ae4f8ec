package delivery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fetchd/delivery/ownfile"
	"fetchd/tlsverify/hints"
)

const (
	// mailFileWait is how long others may hold the locks. It is long for a mail program that writes, and
	// short for the accounts behind this one.
	mailFileWait  = 30 * time.Second
	mailFilePause = 10 * time.Millisecond // until the next look at the locks; doubled each time …
	mailFileLong  = time.Second           // … up to this
	// mailFileBlock is how many bytes are gathered for one write. In smaller ones ext4 takes longer, in
	// larger ones the processor's cache no longer has them.
	mailFileBlock = 512 << 10
)

var (
	errLocked = errors.New("it is locked")
	errNoFile = errors.New("it was exchanged for another file")
	errGrown  = errors.New("somebody else has written into it in spite of the locks")
)

// fileCalls are the system calls that appending to a file depends on. Tests replace them.
type fileCalls struct {
	lock     func(fd int) error
	make     func(path, text string) error // exclusively
	remove   func(path string) error
	write    func(fd int, p []byte) error
	fsync    func(fd int) error
	truncate func(fd int, size int64) error
}

func systemFileCalls() fileCalls {
	return fileCalls{
		lock: lockFile, make: makeDotlock, remove: os.Remove, write: writeAll, fsync: fsync,
		truncate: func(fd int, size int64) error {
			return untilDone(func() error { return unix.Ftruncate(fd, size) })
		},
	}
}

// mailFile is a file that texts are appended to, each whole or not at all, under the locks of mail programs:
// that of fcntl first, and then FILE.lock (Debian policy 11.6). It holds nothing open between deliveries.
type mailFile struct {
	path string
	sys  fileCalls
	wait time.Duration

	turn chan struct{} // capacity 1: whoever has put something in owns what follows
	kept fileID        // the file whose directory entry is durable
	// a failed sync or append could not be undone: what is in the file may not be on the disk
	doubted bool
	gaveUp  time.Time // when it was last found locked for as long as we wait
}

func newMailFile(path string) *mailFile {
	return &mailFile{
		path: filepath.Clean(path), sys: systemFileCalls(), wait: mailFileWait, turn: make(chan struct{}, 1),
	}
}

// asOwner runs use with the open and locked file, and with the rights that the file is written with: ours, or
// if we are root those of its owner. It returns whose they are, nil = ours.
func (m *mailFile) asOwner(ctx context.Context, use func(*openMailFile) error) (*owner, error) {
	select {
	// A channel and not a mutex, so that ctx ends the wait.
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}

	writer, err := ownerOf(m.path)
	if err != nil {
		return nil, err
	}

	return writer, writer.run(func() error {
		f, err := m.open(ctx, writer.id())
		if err != nil {
			return err
		}
		defer f.close()
		return use(f)
	})
}

// id is the user's number; that of nil is ours.
func (o *owner) id() int {
	if o == nil {
		return os.Geteuid()
	}
	return o.uid
}

// open opens and locks the file. While somebody else holds a lock it looks again and again, for a while.
func (m *mailFile) open(ctx context.Context, uid int) (*openMailFile, error) {
	wait := m.wait
	if time.Since(m.gaveUp) < wait { // one long wait for all the messages of a retrieval
		wait = mailFilePause
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wait, errLocked)
	defer cancel()

	for pause := mailFilePause; ; pause = min(2*pause, mailFileLong) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		// Opened again for each look: while we wait the file may be exchanged, as mail readers do when they
		// save it.
		f, err := m.tryOpen(uid)
		if !errors.Is(err, errLocked) && !errors.Is(err, errNoFile) {
			return f, err
		}

		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(context.Cause(ctx), errLocked) {
				if wait == m.wait {
					m.gaveUp = time.Now()
				}
				return nil, err // which says by whom
			}
		}
	}
}

// tryOpen opens the file and takes its locks if nobody has them.
func (m *mailFile) tryOpen(uid int) (*openMailFile, error) {
	file, err := ownfile.Mailbox(m.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, uid)
	if err != nil {
		return nil, err
	}

	f := &openMailFile{
		File: file, m: m, fd: int(file.Fd()), dot: dotlock{path: m.path + dotlockEnding, sys: &m.sys},
		buf: (*mailFileBuffers.Get().(*[]byte))[:0],
	}
	if err := f.lock(); err != nil {
		f.close()
		return nil, err
	}

	return f, nil
}

// lock takes both locks, and makes sure that the file that is locked is the one that others see.
func (f *openMailFile) lock() error {
	// This one first: whoever holds it is the only one of us that judges FILE.lock.
	unlocked := f.m.sys.lock(f.fd)
	switch {
	case errors.Is(unlocked, unix.EAGAIN), errors.Is(unlocked, unix.EACCES):
		return fmt.Errorf("%w: another program has the lock of fcntl", errLocked)
	case unlocked != nil && !hasNoLocks(unlocked):
		return fmt.Errorf("lock: %w", unlocked)
	}

	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := f.dot.take(info); err != nil {
		return err
	}
	if unlocked != nil && !f.dot.held { // one of the two there must be
		return fmt.Errorf("lock: %w", unlocked)
	}

	if info, err = f.Stat(); err != nil { // again: whoever had the lock may have changed it
		return err
	}
	if err := f.checkName(); err != nil {
		return err
	}

	size := info.Size()
	f.start, f.safe, f.whole, f.size = size, size, size, size
	f.id = identify(info)
	return nil
}

// hasNoLocks tells whether the error is that of a file system without fcntl's locks, such as some of NFS.
func hasNoLocks(err error) bool {
	return errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP)
}

// The directory is not made: on a file system that is not mounted, mail would go where nobody sees it later.
var filePlace = place{
	kind: "file", missing: "the directory that it is in must exist (is it mounted?)",
	odd: "name another file",
}

func (m *mailFile) dir() string { return filepath.Dir(m.path) }

// explain gives an error its class, the file, as what it is, and a hint. size is that of the message, 0 = it
// is not about one.
func (m *mailFile) explain(what string, writer *owner, act string, size int64, err error) error {
	class, hint := judgePlace(filePlace, writer, err)
	class = judgeRoom(class, err, m.dir(), size)
	switch {
	case errors.Is(err, errLocked):
		hint = "a lock whose program has ended is removed after 5 minutes; " + hintKept
	case errors.As(err, new(*ownfile.Error)), errors.Is(err, errNoMbox), errors.Is(err, errNoBSMTP),
		errors.Is(err, errUnended):
		class, hint = Unusable, "" // it has its own
	}

	if !strings.Contains(err.Error(), m.path+": ") { // else the error names it
		what += " " + m.path
	}
	return &Error{Class: class, Err: hints.Errorf(hint, "%s %s: %w", act, what, err)}
}
