package journal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// dirs notes which directories are synced, and fails for the one that it is told.
type dirs struct {
	synced []string
	broken string
	err    error
}

func (d *dirs) sync(path string) error {
	d.synced = append(d.synced, path)
	if path == d.broken {
		return d.err
	}
	return syncDir(path)
}

// TestDirectoriesAreDurable: before the first durable record, and until it has worked once.
func TestDirectoriesAreDurable(t *testing.T) {
	t.Parallel()
	ctx, top := t.Context(), t.TempDir()
	want := []string{filepath.Join(top, "state", "fetchd"), filepath.Join(top, "state"), top}
	for _, broken := range want {
		d := &dirs{broken: broken, err: syscall.EIO}
		j, err := OpenWith(ctx, filepath.Join(want[0], "state.db"), Options{SyncDir: d.sync})
		if err != nil {
			t.Fatal(err)
		}
		m := startMailbox(t, j, "INBOX")
		if err := m.Record(ctx, SetOf(1), true, false); err != nil || len(d.synced) > 0 {
			t.Errorf("a record that isn't durable: %v, %q", err, d.synced)
		}
		for range 2 {
			err := m.Record(ctx, SetOf(2), true, true)
			if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "tries it again") {
				t.Errorf("%s fails, and the record says %v", broken, err)
			}
		}
		d.broken, d.synced = "", nil
		if err := m.Record(ctx, SetOf(2), true, true); err != nil {
			t.Error(err)
		}
		if len(d.synced) < len(want) || !slices.Equal(d.synced[:len(want)], want) {
			t.Errorf("synced %q, want %q first", d.synced, want)
		}
		d.synced = nil
		err = errors.Join(m.Record(ctx, SetOf(3), true, true), j.Close())
		if err != nil || len(d.synced) > 0 {
			t.Errorf("afterwards: %v, %q", err, d.synced)
		}
	}
}

func TestCloseMakesDirectoriesDurable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := &dirs{broken: dir, err: syscall.EIO}
	j, err := OpenWith(t.Context(), filepath.Join(dir, "state.db"), Options{SyncDir: d.sync})
	if err != nil {
		t.Fatal(err)
	}
	startMailbox(t, j, "INBOX")
	if err := j.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("close: %v", err)
	}
}

// TestUpperDirectories: those that can't be synced are older than the journal; only its own must be.
func TestUpperDirectories(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, err := range []error{os.ErrPermission, syscall.EINVAL, syscall.ENOTSUP} {
		s := settler{dir: dir, sync: (&dirs{broken: filepath.Dir(dir), err: err}).sync}
		if got := s.settle(); got != nil || !s.settled {
			t.Errorf("%v above: %v", err, got)
		}
		s = settler{dir: dir, sync: (&dirs{broken: dir, err: err}).sync}
		if got := s.settle(); !errors.Is(got, err) || s.settled {
			t.Errorf("%v: %v", err, got)
		}
	}
}
