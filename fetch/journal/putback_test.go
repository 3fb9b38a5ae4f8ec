package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a journal holds survives that its files are removed while it is open, until its process is killed.
func TestRemovedWhileOpen(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(path string) error{
		"the directory": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
		"the database":  os.Remove,
		"renamed":       func(path string) error { return os.Rename(path, path+".old") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state", "fetchd.db")
			fill(t, path)
			j := openOn(t, &disk{}, path)
			want, _ := picture(t.Context(), j)
			if err := j.CheckPlace(); err != nil {
				t.Error(err)
			}

			err := remove(path)
			if err == nil {
				err = j.SetNote(t.Context(), "ann", "since then")
			}
			if gone := j.CheckPlace(); err != nil || !errors.Is(gone, errGone) {
				t.Fatalf("%v, gone: %v", err, gone)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}

			j = openOn(t, &disk{}, path)
			defer j.Close()
			got, errs := picture(t.Context(), j)
			if note, err := j.Note(t.Context(), "ann"); got != want || note != "since then" || err != nil {
				t.Errorf("%q and %q, want %q; %v, %v", got, note, want, errs, err)
			}
			if left, _ := filepath.Glob(path + builtAs + "*"); len(left) > 0 {
				t.Errorf("%q are left", left)
			}
		})
	}
}

// A journal that somebody replaces while it is open says so, and does not take the other one's place.
func TestReplacedWhileOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fetchd.db")
	fill(t, path)
	backup := path + ".backup"
	fill(t, backup)
	j := openOn(t, &disk{}, path)
	if err := j.CheckPlace(); err != nil {
		t.Error(err)
	}

	want, err := os.Stat(backup)
	if err := errors.Join(err, os.Rename(backup, path)); err != nil {
		t.Fatal(err)
	}
	replaced := j.CheckPlace()
	if !errors.Is(replaced, errReplaced) || !strings.Contains(replaced.Error(), "put the right one") {
		t.Error(replaced)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if is, err := os.Stat(path); err != nil || !os.SameFile(is, want) {
		t.Errorf("the other file has gone: %v", err)
	}
}

// A journal that was truncated while it is open says that it is damaged, and what to do.
func TestTruncatedWhileOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fetchd.db")
	fill(t, path)
	j := openOn(t, &disk{}, path)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Mailbox(t.Context(), "ann", "INBOX"); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}
