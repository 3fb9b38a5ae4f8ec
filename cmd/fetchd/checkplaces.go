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
	"fetchd/tlsverify/hints"
)

// checkPlaces returns the reasons why the journal or the lock file could not be written.
func checkPlaces(at *places, cfg *rcfile.Config) error {
	pidfile := cfg.Globals.Pidfile.Or(at.pidfile)
	if pidfile == "" {
		return hints.Errorf("leave it out", "pidfile is empty")
	}

	journal := filepath.Dir(journalPath(at, cfg))
	errs := []error{
		at.checkHome(journalPath(at, cfg)),
		// The journal's directory is created if need be; that of the lock file is not.
		account.CheckDirectory("journal", nearestExisting(journal)), checkOthers("journal", journal),
		account.CheckDirectory("pidfile", filepath.Dir(pidfile)), checkOwn("pidfile", pidfile),
	}

	return errors.Join(errs...)
}

// checkLogfile returns the reason why a daemon could not write its log file. A directory that is missing is
// in the way of nothing else: the daemon says so and starts.
func checkLogfile(cfg *rcfile.Config) (missing, err error) {
	logfile := cfg.Globals.Logfile.Value
	if logfile == "" || cfg.Globals.Daemon.Value <= 0 { // a single pass writes to no log file
		return nil, nil
	}

	err = account.CheckDirectory("logfile", filepath.Dir(logfile))
	if errors.Is(err, fs.ErrNotExist) {
		return hints.Add(err, "make it, or the log goes to the system log, if there is one"), nil
	}
	// /dev/null and terminals belong to root, and are fit for a log all the same.
	if info, lerr := os.Lstat(logfile); lerr != nil || info.Mode()&fs.ModeCharDevice == 0 {
		err = errors.Join(err, checkOwn("logfile", logfile))
	}
	return nil, err
}

// checkOwn returns the reason why a run would not accept the file at path as its own.
func checkOwn(keyword, path string) error {
	if err := ownfile.CheckPath(path); err != nil {
		return fmt.Errorf("%s: %w", keyword, err)
	}
	return nil
}

// checkOthers returns an error if other users can create files in the directory. It need not exist.
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

// nearestExisting is dir, or the nearest directory above it that exists: the journal's directories are
// created when they are needed.
func nearestExisting(dir string) string {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
