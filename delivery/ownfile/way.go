package ownfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is how many symbolic links the system follows in one path (MAXSYMLINKS).
const maxLinks = 40

// way is a path to a file or directory.
type way struct {
	path string
	// own tells that the program writes the file, and that its owner is checked once it is open. It may not
	// be open yet, so what is missing on the way to it is an error: somebody else could make it meanwhile.
	own bool
}

// check returns an *Error if somebody else could make the path lead to another file. It goes the way that
// the system goes, through all symbolic links.
func (w way) check() error {
	at, rest, links := "/", names(w.path), 0
	if !filepath.IsAbs(w.path) {
		wd, err := os.Getwd()
		if err != nil {
			return err
		}
		rest = append(names(wd), rest...)
	}

	var dir fs.FileInfo // of at; nil = not looked at yet
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == ".." { // of what a link leads to, so that the path must not be cleaned before
			at, dir = filepath.Dir(at), nil
			continue
		}

		step := step{path: filepath.Join(at, name), dirPath: at, dir: dir, last: len(rest) == 0, own: w.own}
		if err := step.check(); err != nil {
			return err
		}
		if !step.isLink() || step.own && step.last { // an own file is not opened through a link
			at, dir = step.path, step.entry
			continue
		}

		target, err := os.Readlink(step.path)
		if err != nil {
			return err
		}
		if links++; links > maxLinks {
			return fmt.Errorf("%s: too many symbolic links", w.path)
		}

		dir = step.dir
		if filepath.IsAbs(target) {
			at, dir = "/", nil
		}
		rest = append(names(target), rest...)
	}

	return nil
}

// names are the names that a path consists of.
func names(path string) []string {
	isNone := func(name string) bool { return name == "" || name == "." }
	return slices.DeleteFunc(strings.Split(path, "/"), isNone)
}

// step is an entry of a directory that a way goes through, or its end.
type step struct {
	path, dirPath string
	last, own     bool

	// What check has seen. A directory that the last step has led to was seen by that: a way looks at
	// everything once.
	dir, entry fs.FileInfo
}

// isLink tells whether check has seen a symbolic link.
func (s *step) isLink() bool { return s.entry != nil && s.entry.Mode()&fs.ModeSymlink != 0 }

// check returns an *Error if somebody else could exchange the entry. What can't be seen is passed over where
// the file is open already.
func (s *step) check() (err error) {
	if s.dir == nil {
		if s.dir, err = os.Stat(s.dirPath); err != nil {
			return s.missing(err)
		}
	}

	if s.entry, err = os.Lstat(s.path); err != nil {
		s.entry = nil // and no FileInfo that holds nothing
		if !s.last {
			return s.missing(err)
		}
	}

	if s.dir.Mode()&fs.ModeSticky != 0 && isTrusted(s.dir) { // nobody but its owner moves an entry
		if s.entry == nil || s.last && s.own || isTrusted(s.entry) {
			return nil
		}
		uid, _ := owner(s.entry)
		return refuse(s.entry, s.path, "use a directory in which others can't make files",
			"it belongs to uid %d, who can exchange it", uid)
	}

	switch {
	case s.last && s.own:
		return exchangedOwn(s.dir, s.dirPath)
	case s.last || s.isLink():
		return writtenDir(s.dir, s.dirPath)
	}
	return exchangedByAll(s.dir, s.dirPath)
}

func (s *step) missing(err error) error {
	if s.own {
		return err
	}
	return nil
}

// exchangedByAll returns an *Error for a directory in which everybody can exchange another directory. Only
// what everybody can write counts, because another directory in its place is found out by its owner, and
// groups of administrators share such places.
func exchangedByAll(info fs.FileInfo, path string) error {
	if info.Mode().Perm()&allWrite == 0 {
		return nil
	}
	return refuse(info, path, "run: chmod o-w "+path,
		"everybody can exchange what is in the directory (%04o)", info.Mode().Perm())
}

// exchangedOwn returns an *Error for a directory that is no place for a file of our own. A group may write
// it, as that of a system's logs: what it puts there in place of our file is found out by its owner.
func exchangedOwn(info fs.FileInfo, path string) error {
	if err := ownedDir(info, path); err != nil {
		return err
	}
	return exchangedByAll(info, path)
}
