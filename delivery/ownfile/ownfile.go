// Package ownfile decides which files the program may trust or write, on a machine that has other users.
// Open is for what the program writes itself (log, lock, journal): nobody else may have planted it. Read is
// for what it believes (an rc file, a password): nobody else may be able to write it. Of ours the package
// imports only tlsverify/hints.
package ownfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"fetchd/tlsverify/hints"

	"golang.org/x/sys/unix"
)

// Error says why a file or directory isn't safe from other users.
type Error struct {
	Path string
	Mode fs.FileMode
	Msg  string
	Next string // what the user can do, see Hint
}

func (e *Error) Error() string { return hints.Text(e.Path+": "+e.Msg, e.Next) }

// Hint is the user's next step.
func (e *Error) Hint() string { return e.Next }

// Unwrap returns fs.ErrPermission, which it is a kind of.
func (e *Error) Unwrap() error { return fs.ErrPermission }

// Open opens, or with os.O_CREATE makes (0600), a file that the program writes. It fails with an *Error for
// a symbolic link, for what is no regular file (without waiting for the reader of a pipe), and for a file
// that belongs to somebody else, has a second name, or can be written by others; also for a path that
// somebody else could make lead elsewhere, such as through a link of theirs in /tmp. flag must not hold
// os.O_TRUNC, which acts before any check.
func Open(path string, flag int) (*os.File, error) { return open(path, flag, exposed) }

// Append is Open for a log, which may be a character device too: /dev/null or a console, made by root.
func Append(path string) (*os.File, error) {
	return open(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, func(info fs.FileInfo, path string) error {
		if isDevice(info) {
			return nil
		}
		return exposed(info, path)
	})
}

func isDevice(info fs.FileInfo) bool { return info.Mode()&fs.ModeCharDevice != 0 }

// open opens a file, and judges the way to it and what it has opened.
func open(path string, flag int, judge func(fs.FileInfo, string) error) (*os.File, error) {
	if err := CheckWay(path); err != nil { // before a file is made there
		return nil, err
	}
	return openThere(path, flag, judge)
}

func openThere(path string, flag int, judge func(fs.FileInfo, string) error) (*os.File, error) {
	// First opened, then judged: what is open can't be exchanged any more.
	f, err := os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if err != nil {
		if unsafe := look(path, judge); unsafe != nil { // says more than "too many levels of symbolic links"
			return nil, unsafe
		}
		return nil, err
	}

	info, err := f.Stat()
	if err == nil {
		err = judge(info, path)
	}

	if err != nil {
		_ = f.Close()
		return nil, err
	}

	return f, nil
}

// CheckPath returns the *Error with which Open would refuse what is at path now; nil if nothing is there. It
// is for files that others open by their names, and proves something only in a directory that passes
// CheckDir.
func CheckPath(path string) error {
	var unsafe *Error
	if err := CheckWay(path); errors.As(err, &unsafe) {
		return unsafe
	}
	return look(path, exposed)
}

// CheckBeside is CheckPath for files whose paths differ by their endings from one that has just passed it.
// They are in the same directory, so the way there is not looked at again.
func CheckBeside(path string, endings ...string) error {
	for _, ending := range endings {
		if err := look(path+ending, exposed); err != nil {
			return err
		}
	}
	return nil
}

// CheckWay returns an error if somebody else could make the path of something of our own lead elsewhere, as
// Open does. What is there now does not matter.
func CheckWay(path string) error { return (way{path: path, own: true}).check() }

func look(path string, judge func(fs.FileInfo, string) error) error {
	info, err := os.Lstat(path)
	if err != nil {
		return nil
	}
	return judge(info, path)
}

// exposed returns an *Error for a file that somebody else could have put where we write, or that others
// write.
func exposed(info fs.FileInfo, path string) error {
	if err := planted(info, path, os.Geteuid()); err != nil {
		return err
	}
	if othersWrite(info) {
		return refuse(info, path, "run: chmod go-w "+path, "others can write it (%04o)", info.Mode().Perm())
	}
	return nil
}

// planted returns an *Error for what is no file of the user uid's own, under one name.
func planted(info fs.FileInfo, path string, uid int) error {
	const another = "move it away, or name another"
	whose, links := owner(info)
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return refuse(info, path, "name its target", "it is a symbolic link, which is not followed")
	case !info.Mode().IsRegular():
		return refuse(info, path, another, "it must be a regular file")
	case whose != uid && uid == os.Geteuid():
		return refuse(info, path, another,
			"it must belong to you (uid %d), but belongs to uid %d", uid, whose)
	case whose != uid:
		return refuse(info, path, another, "it must belong to uid %d, but belongs to uid %d", uid, whose)
	// A second name is how somebody who can't write the file has us write into it.
	case links > 1:
		return refuse(info, path, another, "it has %d names (hard links), and must have one", links)
	}

	return nil
}

func refuse(info fs.FileInfo, path, hint, format string, args ...any) error {
	return &Error{Path: path, Mode: info.Mode(), Msg: fmt.Sprintf(format, args...), Next: hint}
}

// owner returns who owns a file and how many names it has.
func owner(info fs.FileInfo) (uid int, links uint64) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid), uint64(stat.Nlink)
	}
	return -1, 0
}

// isTrusted tells whether a file belongs to this user or to root.
func isTrusted(info fs.FileInfo) bool {
	uid, _ := owner(info)
	return uid == os.Geteuid() || uid == 0
}
