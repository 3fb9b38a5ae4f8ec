package journal

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// CheckPlace returns an error if somebody has removed, renamed or replaced the file of the open journal. It
// works on, but another process takes what is there, and nothing is left of it when this one is killed. Close
// puts it back, unless there is another file by now.
func (j *Journal) CheckPlace() error {
	if isGone(j.path) {
		return explain(j.path, "keep", errGone)
	}
	is, err := os.Stat(j.path)
	if j.file != nil && err == nil && !os.SameFile(is, j.file) {
		return explain(j.path, "keep", errReplaced)
	}
	return nil
}

func isGone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// rescued is the copy of a journal whose file is gone. The zero value is that of one which is there.
type rescued struct {
	path string // of the journal
	copy string
}

// rescue copies the journal at path if its file is gone. The connection must still be open: nothing else has
// what it holds.
func (w *writer) rescue(ctx context.Context, path string) (rescued, error) {
	if !isGone(path) {
		return rescued{}, nil
	}
	// Its directory may have been removed with it. If more was, the user's home perhaps, that was meant.
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return rescued{}, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+builtAs) // 0600
	if err != nil {
		return rescued{}, err
	}
	defer f.Close()

	_, err = w.conn.ExecContext(ctx, "VACUUM INTO ?", f.Name())
	if err = errors.Join(err, w.syncLog(f)); err != nil {
		return rescued{}, errors.Join(err, os.Remove(f.Name()))
	}
	return rescued{path, f.Name()}, nil
}

// putBack gives the copy its place. All connections must be closed, as they close their log by name.
func (r rescued) putBack(syncDir func(string) error) error {
	if r.copy == "" {
		return nil
	}
	defer os.Remove(r.copy)

	// A log that was left is the removed file's, and what it holds is in the copy; SQLite would replay it.
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(r.path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// It fails if there is another one by now, which is then somebody else's.
	if err := os.Link(r.copy, r.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(r.path))
}
