package journal_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fetchd/fetch/journal"
)

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), filepath.Join(dir, "a", "b", "fetchd.db"))
	must(t, err)
	defer j.Close()
	m, err := j.Mailbox(t.Context(), "ann", "INBOX")
	must(t, err)
	must(t, begin(t.Context(), m, 1))
	found := ""
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		info, err2 := e.Info()
		if path != dir {
			found += fmt.Sprintf("%s %v\n", strings.TrimPrefix(path, dir), info.Mode())
		}
		return errors.Join(err, err2)
	}))
	same(t, "files", found, "/a drwx------\n/a/b drwx------\n/a/b/fetchd.db -rw-------\n"+
		"/a/b/fetchd.db-shm -rw-------\n/a/b/fetchd.db-wal -rw-------\n/a/b/fetchd.db.lock -rw-------\n")
}

func TestOddPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a b.db", "50%41?mode=memory", "#x", "ä'\"", "..", "link"} {
		path := filepath.Join(dir, name)
		if name == ".." {
			path = filepath.Join(dir, "deep", "..", "plain.db")
		}
		if name == "link" {
			must(t, os.Symlink(filepath.Join(dir, "#x"), path))
		}
		j, err := journal.Open(t.Context(), path)
		must(t, err)
		if _, err := os.Stat(filepath.Clean(path)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		must(t, j.Close())
	}
}

// prepare makes a sound journal with something in it.
func prepare(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fetchd.db")
	j, err := journal.Open(t.Context(), path)
	must(t, err)
	d, err := j.Maildrop(t.Context(), "ann")
	must(t, err)
	must(t, beginDrop(t.Context(), d))
	must(t, d.Record(t.Context(), benchUIDLs(5000), false, false))
	must(t, d.End(t.Context(), false))
	must(t, j.Close())
	return path
}

func execSQL(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	_, err = db.Exec(statement)
	must(t, err)
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		spoil   func(t *testing.T, path string)
		damaged bool
		want    []string
	}{
		{"an empty file", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, nil, 0o600))
		}, true, []string{"empty file", "backup"}},
		{"a text", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, bytes.Repeat([]byte("not a database "), 1000), 0o600))
		}, true, []string{"not a database", ".recover"}},
		{"a spoilt header", func(t *testing.T, path string) {
			overwrite(t, path, 0, 64)
		}, true, []string{"damaged"}},
		{"a spoilt schema", func(t *testing.T, path string) {
			overwrite(t, path, 100, 4096)
		}, true, []string{"damaged"}},
		{"half a file", func(t *testing.T, path string) {
			must(t, os.Truncate(path, 5000))
		}, true, []string{"damaged"}},
		{"another database", func(t *testing.T, path string) {
			execSQL(t, path, "PRAGMA application_id=7")
		}, true, []string{"not a journal of fetchd"}},
		{"a newer schema", func(t *testing.T, path string) {
			execSQL(t, path, "PRAGMA user_version=99")
		}, false, []string{"version 99", "newer fetchd"}},
		{"a log without journal", func(t *testing.T, path string) {
			must(t, os.Rename(path, path+"-wal"))
		}, true, []string{"-wal", "back"}},
		{"a directory", func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Mkdir(path, 0o700))
		}, false, []string{"directory"}},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := prepare(t)
			tt.spoil(t, path)
			before, _ := os.ReadFile(path)
			j, err := journal.Open(t.Context(), path)
			if err == nil {
				j.Close()
				t.Fatal("opened")
			}

			same(t, "damaged", errors.Is(err, journal.ErrDamaged), tt.damaged)
			for _, want := range append(tt.want, path, "hint: ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}

			after, _ := os.ReadFile(path)
			if !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func overwrite(t *testing.T, path string, from, to int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, int(to-from)), from)
	must(t, errors.Join(err, f.Close()))
}

// TestDamageFoundLater spoils pages that Open has no need to read.
func TestDamageFoundLater(t *testing.T) {
	t.Parallel()
	path := prepare(t)
	info, err := os.Stat(path)
	must(t, err)
	overwrite(t, path, 4*4096, info.Size())
	j, err := journal.Open(t.Context(), path)
	if err == nil {
		defer j.Close()
		_, err = j.Maildrop(t.Context(), "ann")
	}
	if !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("error %v", err)
	}
}

func TestHeldByAnother(t *testing.T) {
	t.Parallel()
	path := prepare(t)
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	conn, err := db.Conn(t.Context())
	must(t, err)
	_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 300e6)
	defer cancel()
	if j, err := journal.Open(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("open while it is held: %v, %v", j, err)
	}
	opened := make(chan error)
	go func() {
		j, err := journal.Open(context.WithoutCancel(t.Context()), path)
		if err == nil {
			err = j.Close()
		}
		opened <- err
	}()
	_, err = conn.ExecContext(t.Context(), "ROLLBACK")
	must(t, err)
	must(t, <-opened)
	must(t, conn.Close())
}

// TestProvenWritable runs each case in a child process that gives up what it would need to write.
func TestProvenWritable(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, limit, want string }{
		{"full disk, new journal", "new-full", "hint: "},
		{"full disk", "full", "hint: "},
		{"read-only file and directory", "readonly", "must belong to you"},
		{"read-only directory, new journal", "new-readonly", "hint: its directory"},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("", "journal") // t.TempDir is closed to others
			must(t, err)
			t.Cleanup(func() { os.RemoveAll(dir) })
			path := filepath.Join(dir, "fetchd.db")
			if !strings.HasPrefix(tt.limit, "new") {
				data, err := os.ReadFile(prepare(t))
				must(t, err)
				must(t, os.WriteFile(path, data, 0o444))
			}

			must(t, os.Chmod(dir, 0o555))
			t.Cleanup(func() { os.Chmod(dir, 0o700) })
			if strings.HasSuffix(tt.limit, "full") {
				must(t, os.Chmod(dir, 0o755))
				if tt.limit == "full" {
					must(t, os.Chmod(path, 0o644))
				}
			}

			out, err := child(t, "limited", tt.limit, path).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "refused: ") ||
				!strings.Contains(string(out), tt.want) {
				t.Errorf("%v, %s", err, out)
			}

			t.Logf("%s", out)
			left, err := filepath.Glob(path + ".new*")
			if err != nil || len(left) > 0 {
				t.Errorf("left over: %q, %v", left, err)
			}
		})
	}
}

// child is this test binary playing a part of TestChild.
func child(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0],
		append([]string{"-test.run=^TestChild$", "--"}, args...)...)
	cmd.Env = append(os.Environ(), "JOURNAL_CHILD=1")
	return cmd
}

func TestChild(t *testing.T) {
	if os.Getenv("JOURNAL_CHILD") == "" {
		return // only a part of other tests
	}
	args := os.Args[3:]
	switch args[0] {
	case "limited":
		limited(t, args[1], args[2])
	case "writer":
		crashWriter(t, args[1], args[2])
	case "holder":
		holdRecord(t, args[1])
	}
}

func limited(t *testing.T, limit, path string) {
	if strings.HasSuffix(limit, "full") {
		signal.Ignore(syscall.SIGXFSZ)
		var old syscall.Rlimit
		must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 0, Max: old.Max}))
		defer func() { must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old)) }() // for a coverage profile
	} else if os.Geteuid() == 0 {
		must(t, syscall.Setuid(54321))
	}
	j, err := journal.Open(t.Context(), path)
	if err == nil {
		j.Close()
		fmt.Println("opened")
		return
	}
	fmt.Println("refused:", err)
}
