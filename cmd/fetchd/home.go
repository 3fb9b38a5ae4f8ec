package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fetchd/fetch/journal"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// openJournal opens the record of what was delivered. The caller must close it.
func (at *places) openJournal(ctx context.Context, cfg *rcfile.Config) (*journal.Journal, error) {
	path := journalPath(at, cfg)
	if err := at.checkHome(path); err != nil {
		return nil, err
	}
	return journal.Open(ctx, path)
}

// checkHome returns an error if path is in a home directory that isn't there. What is missing below it is
// made, but never the home itself: it may only not be mounted yet, and with a new journal in its place all
// mail would be new.
func (at *places) checkHome(path string) error {
	if at.home == "" && !filepath.IsAbs(path) && (path == at.journal || path == at.grants) {
		return hints.Errorf("set HOME or XDG_STATE_HOME", "this user has no home directory for records")
	}

	_, err := os.Stat(at.home)
	if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(path, filepath.Clean(at.home)+"/") {
		return hints.Errorf("make or mount it, or let HOME or XDG_STATE_HOME name another",
			"the home directory %q is missing", at.home)
	}
	return nil
}
