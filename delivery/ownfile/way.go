package ownfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many symbolic links the system follows in one path (MAXSYMLINKS).
const maxLinks = 40

// checkWay returns an *Error if somebody else could make path lead to another file. It goes the way that
// the system goes, through all symbolic links. What can't be seen on it is passed over: the file was opened
// already.
func checkWay(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}

	at, rest, links := "/", strings.Split(path, "/"), 0

	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}

		entry := filepath.Join(at, name)
		target, err := os.Readlink(entry)
		isLink := err == nil
		if err := checkEntry(at, entry, isLink || len(rest) == 0); err != nil {
			return err
		}
		if !isLink {
			at = entry
			continue
		}
		if links++; links > maxLinks {
			return fmt.Errorf("%s: too many symbolic links", path)
		}
		if filepath.IsAbs(target) {
			at = "/"
		}

		rest = append(strings.Split(target, "/"), rest...)
	}

	return nil
}

// checkEntry returns an *Error if somebody else could exchange the entry of the directory dir. decides is
// set for what is no plain directory on the way: the file itself, or a link. Elsewhere only what everybody
// can write counts, because another directory in its place is found out by its owner, and groups of
// administrators share such places.
func checkEntry(dir, entry string, decides bool) error {
	info, err := os.Stat(dir)
	if err != nil {
		return nil
	}

	if info.Mode()&fs.ModeSticky != 0 && isTrusted(info) { // nobody but its owner moves an entry
		here, err := os.Lstat(entry)
		if err != nil || isTrusted(here) {
			return nil
		}
	}

	if decides {
		return writtenDir(info, dir)
	}
	if info.Mode().Perm()&allWrite != 0 {
		return refuse(info, dir, "run: chmod o-w "+dir,
			"everybody can exchange what is in the directory (%04o)", info.Mode().Perm())
	}

	return nil
}
