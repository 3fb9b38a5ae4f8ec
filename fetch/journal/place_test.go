package journal_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fetchd/delivery/ownfile"
	"fetchd/fetch/journal"
)

// TestOpenRefusesWhatOthersPlanted: a record of another user could have mail deleted.
func TestOpenRefusesWhatOthersPlanted(t *testing.T) {
	t.Parallel()
	const stranger = 54321
	chmod := func(mode fs.FileMode, name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, name), mode)) }
	}
	give := func(t *testing.T, path string) {
		if os.Geteuid() != 0 {
			t.Skip("only root can give files away")
		}
		must(t, os.Lchown(path, stranger, stranger))
	}

	tests := []struct {
		name  string
		plant func(t *testing.T, dir string)
	}{
		{"others write the file", chmod(0o666, "state.db")},
		{"others make files beside it", chmod(0o777, ".")},
		{"a directory like /tmp", chmod(0o777|fs.ModeSticky, ".")},
		{"a stranger's file", func(t *testing.T, dir string) { give(t, dir+"/state.db") }},
		{"a stranger's directory", func(t *testing.T, dir string) { give(t, dir) }},
		{"a second name", func(t *testing.T, dir string) { must(t, os.Link(dir+"/state.db", dir+"/x")) }},
		{"a log that is a link", func(t *testing.T, dir string) {
			must(t, os.Symlink("x", dir+"/state.db-wal"))
		}},
		{"a stranger's log", func(t *testing.T, dir string) {
			must(t, os.WriteFile(dir+"/state.db-wal", []byte("x"), 0o600))
			give(t, dir+"/state.db-wal")
		}},
		{"an index that others write", func(t *testing.T, dir string) {
			must(t, os.WriteFile(dir+"/state.db-shm", nil, 0o600))
			must(t, os.Chmod(dir+"/state.db-shm", 0o666))
		}},
		{"a rollback journal that is a pipe", func(t *testing.T, dir string) {
			must(t, syscall.Mkfifo(dir+"/state.db-journal", 0o600))
		}},
		{"a link into an open directory", func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir+"/open", 0o700))
			must(t, os.Rename(dir+"/state.db", dir+"/open/state.db"))
			must(t, os.Symlink("open/state.db", dir+"/state.db"))
			must(t, os.Chmod(dir+"/open", 0o777))
		}},
		{"nothing yet, in an open directory", func(t *testing.T, dir string) {
			must(t, os.Remove(dir+"/state.db"))
			must(t, os.Chmod(dir, 0o777))
		}},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			old := prepare(t)
			path := filepath.Join(filepath.Dir(old), "state.db")
			must(t, os.Rename(old, path))
			tt.plant(t, filepath.Dir(path))
			j, err := journal.Open(t.Context(), path)
			if err == nil {
				j.Close()
			}

			_, ok := errors.AsType[*ownfile.Error](err)
			if !ok || strings.Count(err.Error(), "; hint: ") != 1 {
				t.Error(err)
			}
		})
	}
}

// TestKilledBetweenItsNames: a journal is built under another name, which a killed process leaves behind.
func TestKilledBetweenItsNames(t *testing.T) {
	t.Parallel()
	path := prepare(t)
	must(t, os.Link(path, path+".new123"))
	must(t, os.WriteFile(path+".new4", nil, 0o600))
	j, err := journal.Open(t.Context(), path)
	must(t, err)
	must(t, j.Close())
	if _, err := os.Lstat(path + ".new123"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the second name is still there: %v", err)
	}
	if _, err := os.Lstat(path + ".new4"); err != nil {
		t.Errorf("another process may be building it: %v", err)
	}
}
