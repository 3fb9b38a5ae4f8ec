package delivery

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"fetchd/fetch/fault"
)

const (
	copyStep    = 8 << 20 // bytes copied between two checks of the context
	gatherLimit = 1 << 16 // up to this size one write of trace and body together is faster than two
)

// writeMessage writes trace and message to fd.
func writeMessage(ctx context.Context, fd int, m *Message, scratch []byte) ([]byte, error) {
	head, skip := m.edited()
	body, inMemory := m.Body.Bytes()
	// Most messages are small, and a system call costs more than the copy.
	if inMemory && len(head)+len(body) <= gatherLimit && len(m.Trace)+len(head) > 0 {
		scratch = append(append(append(scratch[:0], m.Trace...), head...), body[skip:]...)
		return scratch, writeAll(fd, scratch)
	}

	if err := writeAll(fd, m.Trace); err != nil {
		return scratch, err
	}
	if err := writeAll(fd, head); err != nil {
		return scratch, err
	}

	if inMemory {
		return scratch, writeAll(fd, body[skip:])
	}

	file, _ := m.Body.File()
	return scratch, copyFile(ctx, fd, file, skip, m.Body.Size()-skip)
}

// writeRecovering is writeMessage, but a panic becomes the message's error, so that fd gets closed.
func writeRecovering(ctx context.Context, fd int, m *Message, scratch []byte) (grown []byte, err error) {
	defer fault.Recover(&err)
	return writeMessage(ctx, fd, m, scratch)
}

func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		p = p[max(n, 0):]
	}
	return nil
}

// copyFile copies n bytes of src, from off on, to fd, within the kernel if possible. It does not move src's
// offset.
func copyFile(ctx context.Context, fd int, src *os.File, off, n int64) error {
	var buf []byte

	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if buf == nil {
			// Once it fails it is not tried again: the two file systems don't allow it.
			if k, ok := copyRange(fd, src, off, min(n, copyStep)); ok {
				off, n = off+k, n-k
				continue
			}
			buf = make([]byte, spillBlock)
		}

		k, err := src.ReadAt(buf[:min(n, int64(len(buf)))], off)
		if k == 0 {
			return errors.Join(io.ErrUnexpectedEOF, err)
		}
		if err := writeAll(fd, buf[:k]); err != nil {
			return err
		}

		off, n = off+int64(k), n-int64(k)
	}

	return nil
}

// moveByLink moves a file without overwriting another, on systems without a call for that.
func moveByLink(fromDir int, from string, toDir int, to string) error {
	err := unix.Linkat(fromDir, from, toDir, to, 0)
	switch {
	case err == nil:
		// A leftover is harmless: the next try or a mail reader removes it.
		_ = unix.Unlinkat(fromDir, from, 0)
		return nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOSYS):
	default:
		return err
	}

	// On a file system without hard links (FAT, some FUSE) a race could overwrite a file in theory, but no
	// two messages have the same name.
	var st unix.Stat_t
	if err := unix.Fstatat(toDir, to, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil {
		return unix.EEXIST
	}

	return unix.Renameat(fromDir, from, toDir, to)
}
