package ownfile

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Read opens a file that the program believes, or a directory whose files it believes. It follows links,
// doesn't wait for the writer of a pipe, and fails with an *Error where CheckWriters does.
func Read(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	// Judged when it is open, as in Open, so that what is judged is what is read.
	if err := CheckWriters(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// CheckWriters returns an *Error if others than this user and root could have written the open file, or put
// it where its name was looked for. A character device passes: root makes them. For a directory it is
// CheckDir.
func CheckWriters(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("check the permissions of %s: %w", f.Name(), err)
	}

	switch {
	case isDevice(info):
		return nil
	case info.IsDir():
		return CheckDir(f)
	}

	if err := written(info, f.Name()); err != nil {
		return err
	}

	return way{path: f.Name()}.check()
}

// CheckDir returns an *Error if others than this user and root could put a file into the open directory, or
// another directory in its place. The sticky bit is no excuse: it lets everybody add files.
func CheckDir(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("check the permissions of %s: %w", f.Name(), err)
	}
	if err := writtenDir(info, f.Name()); err != nil {
		return err
	}
	return way{path: f.Name()}.check()
}

// written returns an *Error for a file that is somebody else's, or that a group or all can write. The
// user's own group is no exception here, and neither is it for fetchmail's rc file.
func written(info fs.FileInfo, path string) error {
	switch {
	case !isTrusted(info):
		uid, _ := owner(info)
		return refuse(info, path, fmt.Sprintf("run: chown %d %s", os.Geteuid(), path),
			"it must be owned by you (uid %d, but its owner is %d)", os.Geteuid(), uid)
	case info.Mode().Perm()&(groupWrites|allWrite) != 0:
		return refuse(info, path, "run: chmod 600 "+path, "others can write it (%04o)", info.Mode().Perm())
	}
	return nil
}

// writtenDir returns an *Error for a directory that is somebody else's, or in which others can make files.
func writtenDir(info fs.FileInfo, path string) error {
	if err := ownedDir(info, path); err != nil {
		return err
	}
	if othersWrite(info) {
		return refuse(info, path, "run: chmod go-w "+path, "others can put files into the directory (%04o)",
			info.Mode().Perm())
	}
	return nil
}

// ownedDir returns an *Error for a directory that is somebody else's.
func ownedDir(info fs.FileInfo, path string) error {
	if isTrusted(info) {
		return nil
	}
	uid, _ := owner(info)
	return refuse(info, path, "use another directory",
		"the directory must be owned by you (uid %d, but its owner is %d)", os.Geteuid(), uid)
}
