package delivery

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"fetchd/delivery/ownfile"
)

// CheckMbox tells why an Mbox could not deliver into the file, as far as that can be seen without writing.
func CheckMbox(path string) error { return newMailFile(path).check("mbox", checkMbox) }

// CheckBSMTP tells why a BSMTP could not deliver into the file, as far as that can be seen without writing.
func CheckBSMTP(path string) error {
	return newMailFile(path).check("batched SMTP in", func(io.ReaderAt) error { return nil })
}

// check looks at the file and into it, and at the directory if it is missing, with the rights that it is
// written with.
func (m *mailFile) check(what string, content func(io.ReaderAt) error) error {
	writer, err := ownerOf(m.path)
	if err == nil {
		err = writer.run(func() error { return m.checkUsable(writer.id(), content) })
	}
	if err != nil {
		return m.explain(what, writer, "use", 0, err)
	}
	return nil
}

func (m *mailFile) checkUsable(uid int, content func(io.ReaderAt) error) error {
	f, err := ownfile.Mailbox(m.path, os.O_RDWR, uid)
	if errors.Is(err, fs.ErrNotExist) {
		return access(filepath.Dir(m.path), unix.W_OK|unix.X_OK)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return content(f)
}

// access tells whether the rights of this thread are enough for that.
func access(path string, mode uint32) error {
	if err := unix.Faccessat(unix.AT_FDCWD, path, mode, unix.AT_EACCESS); err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	return nil
}

// HasDotlock tells whether a file can be made beside the mbox, which some programs take for its lock.
func (d *Mbox) HasDotlock() bool {
	m := d.file
	writer, err := ownerOf(m.path)
	if err == nil {
		err = writer.run(func() error { return access(filepath.Dir(m.path), unix.W_OK|unix.X_OK) })
	}
	return !cannotMake(err)
}
