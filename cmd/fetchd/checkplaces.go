package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/delivery/ownfile"
	"fetchd/rcfile"
)

// checkPlaces tells whether the journal, the lock file and the log could be written.
func checkPlaces(at *places, cfg *rcfile.Config) error {
	pidfile := cfg.Globals.Pidfile.Or(at.pidfile)
	if pidfile == "" {
		return errors.New("pidfile is empty; leave it out")
	}
	journal := filepath.Dir(journalPath(at, cfg))
	errs := []error{
		account.CheckDirectory("journal", existing(journal)), checkOthers("journal", journal),
		account.CheckDirectory("pidfile", filepath.Dir(pidfile)), checkOwn("pidfile", pidfile),
	}
	if logfile := cfg.Globals.Logfile.Value; logfile != "" && cfg.Globals.Daemon.Value > 0 {
		errs = append(errs, account.CheckDirectory("logfile", filepath.Dir(logfile)))
		if info, err := os.Lstat(logfile); err != nil || info.Mode()&fs.ModeCharDevice == 0 {
			errs = append(errs, checkOwn("logfile", logfile))
		}
	}
	return errors.Join(errs...)
}

// checkOwn tells whether a run would take the file that is at path for its own.
func checkOwn(keyword, path string) error {
	if err := ownfile.Look(path); err != nil {
		return fmt.Errorf("%s: %w", keyword, err)
	}
	return nil
}

// checkOthers tells whether others can make files in the directory, if it is there.
func checkOthers(keyword, dir string) error {
	f, err := ownfile.Read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", keyword, err)
	}
	return f.Close()
}

// existing is dir, or the nearest directory above it that exists: the journal's directories are made when
// needed.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
