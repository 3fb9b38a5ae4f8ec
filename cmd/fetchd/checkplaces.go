package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/rcfile"
)

// checkPlaces tells whether the journal, the lock file and the log could be written.
func checkPlaces(at *places, cfg *rcfile.Config) error {
	pidfile := cfg.Globals.Pidfile.Or(at.pidfile)
	if pidfile == "" {
		return errors.New("pidfile is empty; leave it out")
	}
	errs := []error{
		account.CheckDirectory("journal", existing(filepath.Dir(journalPath(at, cfg)))),
		account.CheckDirectory("pidfile", filepath.Dir(pidfile)),
	}
	if logfile := cfg.Globals.Logfile.Value; logfile != "" && cfg.Globals.Daemon.Value > 0 {
		errs = append(errs, account.CheckDirectory("logfile", filepath.Dir(logfile)))
	}
	return errors.Join(errs...)
}

// existing is dir, or the nearest directory above it that exists: the journal's directories are made when needed.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
