package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// settler makes the journal's own name durable, and the names of the directories that were made for it.
// Otherwise a power loss could take away all that was synced into the file. Its fields belong to
// whoever writes.
type settler struct {
	dir     string                  // of the journal
	sync    func(path string) error // of a directory
	settled bool
}

// settle syncs the directories. It does so until it has succeeded once: an earlier process may have made a
// directory and died, or failed to sync it.
func (s *settler) settle() error {
	if s.settled {
		return nil
	}
	if err := s.sync(s.dir); err != nil {
		return fmt.Errorf("%w: %w", errUnsettled, err)
	}

	// We didn't make directories that aren't ours. The name of our topmost one is an entry of the directory
	// above it.
	for dir := s.dir; isOurs(dir) && dir != filepath.Dir(dir); {
		dir = filepath.Dir(dir)
		if err := s.sync(dir); err != nil && !cantSync(err) {
			return fmt.Errorf("%w: %w", errUnsettled, err)
		}
	}

	s.settled = true
	return nil
}

func isOurs(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// cantSync tells whether a directory that is older than the journal can't be opened for a sync, or its file
// system (an automounter's) has nothing to sync.
func cantSync(err error) bool {
	return errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
