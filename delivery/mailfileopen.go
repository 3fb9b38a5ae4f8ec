package delivery

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// openMailFile is a mailFile while we have its locks. Texts go through Write, between begin and end, and are
// there for good only after commit.
type openMailFile struct {
	*os.File
	m   *mailFile
	fd  int
	id  fileID
	dot dotlock

	start int64  // the length when it was locked
	safe  int64  // up to here all texts are whole and written
	whole int64  // up to here all texts are whole, written or not
	text  int64  // where the text under way begins
	size  int64  // of what is written
	reach int64  // up to where a write that failed may have come
	buf   []byte // what is not written yet
	err   error  // of the first write that failed; nothing is written after it
}

// close releases the locks. What was not committed is gone.
func (f *openMailFile) close() {
	if max(f.size, f.reach) > f.safe { // also a part of what was last written, if that failed
		f.cutBack(f.safe)
	}
	// In the reverse order of lock.
	f.dot.release()
	// Not only by closing it: a child that was forked meanwhile has the file until it runs its program.
	_ = unlockFile(f.fd)
	_ = f.Close()
	if buf := f.buf; cap(buf) <= 2*mailFileBlock {
		mailFileBuffers.Put(&buf)
	}
}

var mailFileBuffers = sync.Pool{New: func() any {
	// With room for the last piece of a block, and its quotes.
	buf := make([]byte, 0, mailFileBlock+2*smtpChunk)
	return &buf
}}

// at is where the next byte goes.
func (f *openMailFile) at() int64 { return f.size + int64(len(f.buf)) }

// begin begins a text.
func (f *openMailFile) begin() { f.text = f.at() }

// Write adds to the text.
func (f *openMailFile) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	f.buf = append(f.buf, p...)
	return len(p), f.flushFull()
}

// flushFull writes what was gathered once it is enough for a write.
func (f *openMailFile) flushFull() error {
	if len(f.buf) >= mailFileBlock {
		f.flush()
	}
	return f.err
}

// end ends the text, and returns where.
func (f *openMailFile) end() int64 {
	f.whole = f.at()
	return f.whole
}

// undo drops the text that was begun.
func (f *openMailFile) undo() {
	// Nothing of it is in the file yet.
	if f.text >= f.size {
		f.buf = f.buf[:f.text-f.size]
		return
	}
	f.buf = f.buf[:0]
	f.cutBack(f.text)
}

// flush writes what was gathered.
func (f *openMailFile) flush() {
	if f.err != nil || len(f.buf) == 0 {
		return
	}
	if f.err = f.m.sys.write(f.fd, f.buf); f.err != nil {
		// The write may have come this far, whatever it returned; cutBack may remove so much and no more.
		f.reach = f.at()
		return
	}
	f.size += int64(len(f.buf))
	f.buf = f.buf[:0]
	if f.whole <= f.size {
		f.safe = max(f.safe, f.whole)
	}
}

// commit makes the whole texts durable, and removes what else was written. It returns up to where the file is
// as it should be, and why it is no longer.
func (f *openMailFile) commit() (int64, error) {
	f.flush()
	if f.err != nil {
		f.cutBack(f.safe)
	}
	if f.safe == f.start {
		return f.start, f.err
	}

	if err := f.sync(); err != nil {
		f.err = errors.Join(f.err, err)
		// To the beginning: after a failed sync nobody knows which of the pages are on the disk, and a second
		// sync may say that all are.
		f.cutBack(f.start)
		return f.start, f.err
	}
	if err := f.checkName(); err != nil {
		f.err = errors.Join(f.err, err)
		f.cutBack(f.start)
		return f.start, f.err
	}

	return f.safe, f.err
}

// checkName makes sure that the file is still the one that others see: a program that exchanges it without
// having its locks takes away what was written meanwhile.
func (f *openMailFile) checkName() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if now, err := os.Lstat(f.m.path); err != nil || !os.SameFile(info, now) {
		return errNoFile
	}
	return nil
}

// sync makes durable what is in the file, and once that it is in its directory.
func (f *openMailFile) sync() error {
	if err := f.m.sys.fsync(f.fd); err != nil {
		f.m.doubted = true
		return fmt.Errorf("sync: %w", err)
	}
	if f.m.kept == f.id {
		return nil
	}

	dir, err := os.Open(filepath.Dir(f.m.path))
	if err == nil {
		err = fsync(int(dir.Fd()))
		_ = dir.Close()
	}
	// It can't be read, or not be synced.
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EINVAL) {
		err = syncfs(f.fd)
	}
	if err != nil {
		return fmt.Errorf("sync the directory: %w", err)
	}

	f.m.kept = f.id
	return nil
}

// cutBack shortens the file to that length, if all that is behind it is ours. If it can't, what is there now
// is not taken for a delivery later.
func (f *openMailFile) cutBack(length int64) {
	info, err := f.Stat()
	// Somebody has appended without the locks. That is mail too, and must not be cut off.
	if err == nil && info.Size() > max(f.size, f.reach) {
		err = errGrown
	}
	if err == nil && info.Size() > length {
		err = f.m.sys.truncate(f.fd, length)
	}

	f.buf = f.buf[:0]
	if err != nil {
		f.m.doubted = true
		f.err = errors.Join(f.err, fmt.Errorf("shorten it to %d bytes again: %w", length, err))
		return
	}

	f.size, f.safe, f.whole = length, min(f.safe, length), min(f.whole, length)
}

// identify returns what tells the file from others.
func identify(info os.FileInfo) fileID {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}
	}
	return fileID{uint64(st.Dev), uint64(st.Ino)}
}
