package journal

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestVersion1 opens a journal that was written by the program as it was before version 2 of the schema.
func TestVersion1(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := unpack(t, "testdata/version1.db.gz")
	for range 2 { // once from version 1
		j := openOn(t, &disk{}, path)
		inbox, err := j.Mailbox(ctx, "ann@example.org", "INBOX")
		if err != nil {
			t.Fatal(err)
		}
		if inbox.UIDValidity() != 7 || inbox.UIDNext() != 15 || inbox.Done().String() != "1:12,14" ||
			inbox.Pending().String() != "12,14" || inbox.Delivered().String() != "11:12,14" {
			t.Errorf("INBOX: %d, %d, %v, %v", inbox.UIDValidity(),
				inbox.UIDNext(), inbox.Done(), inbox.Pending())
		}

		cut, err := j.Mailbox(ctx, "ann@example.org", "cut off")
		if err != nil {
			t.Fatal(err)
		}
		if err := cut.Start(ctx, 9); err != nil || !cut.Repeat() || cut.Done().String() != "3" {
			t.Errorf("cut off: %v, %v, %v", err, cut.Repeat(), cut.Done())
		}

		bob, err := j.Maildrop(ctx, "bob@example.org")
		if err != nil {
			t.Fatal(err)
		}
		if got := bob.MarkListed([]byte("b")); bob.New() || !bob.Done("a") || !bob.Done("odd one") ||
			got != (Sight{UIDL: "b", Done: true, Pending: true, Size: 123, Held: 1}) {
			t.Errorf("maildrop: %+v", got)
		}

		n, err := j.ImportFetchids(ctx, oldFetchids(),
			func(user, host string) (string, bool) { return user + "@" + host, true })
		if n != 0 || err != nil {
			t.Errorf("fetchmail's file was imported again: %d, %v", n, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}

	j := openOn(t, &disk{}, path)
	m := startMailbox(t, j, "INBOX")
	if err := m.Record(ctx, SetOf(1), false, true); err != nil {
		t.Error(err)
	}
}

// TestVersion3 opens a journal that was written by the program as it was before version 4 of the schema, and
// goes on with it.
func TestVersion3(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	_, want := soundJournal(t) // the same was written then
	path := unpack(t, "testdata/version3.db.gz")
	for range 2 { // once from version 3
		j := openOn(t, &disk{}, path)
		got, errs := picture(ctx, j)
		if err := errors.Join(errs[:]...); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}

	m := startMailbox(t, openOn(t, &disk{}, path), "INBOX")
	if err := m.Record(ctx, SetOf(13), true, true); err != nil {
		t.Fatal(err)
	}
	m, err := openOn(t, &disk{}, path).Mailbox(ctx, "ann", "INBOX")
	if err != nil || m.Pending().String() != "10,12:13" {
		t.Errorf("pending %v, %v", m, err)
	}
}

func unpack(t *testing.T, packed string) string {
	t.Helper()
	in, err := os.Open(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	unzip, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(unzip)
	path := filepath.Join(t.TempDir(), "journal.db")
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// oldFetchids is the file that the old journal has imported, with a UIDL that it did not hold then.
func oldFetchids() io.Reader {
	return oldFile{strings.NewReader("carl@example.org old1\ncarl@example.org new\n")}
}

type oldFile struct{ io.Reader }

func (oldFile) Name() string               { return "f" }
func (oldFile) Stat() (os.FileInfo, error) { return oldInfo{}, nil }

type oldInfo struct{ os.FileInfo }

func (oldInfo) Size() int64        { return 44 }
func (oldInfo) Mode() os.FileMode  { return 0o600 }
func (oldInfo) ModTime() time.Time { return time.Unix(1700000000, 0) }

// TestMigratedSchema compares what the migrations make of a journal of version 1 with a new one.
func TestMigratedSchema(t *testing.T) {
	t.Parallel()
	old, fresh := unpack(t, "testdata/version1.db.gz"), filepath.Join(t.TempDir(), "journal.db")
	migrated, made := columnsOf(t, old), columnsOf(t, fresh)
	if !slices.Equal(migrated, made) || !slices.Contains(made, "record.uids TEXT 1  0") {
		t.Errorf("migrated:\n%s\nnew:\n%s", strings.Join(migrated, "\n"), strings.Join(made, "\n"))
	}
}

// columnsOf describes each column and each index of a journal, once it is up to date.
func columnsOf(t *testing.T, path string) []string {
	t.Helper()
	if err := openOn(t, &disk{}, path).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := connect(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()

	rows, err := db.QueryContext(t.Context(), `
		SELECT m.name || '.' || c.name || ' ' || c.type || ' ' || c."notnull" || ' ' ||
			coalesce(c.dflt_value, '') || ' ' || c.pk
		FROM sqlite_schema m, pragma_table_xinfo(m.name) c WHERE m.type = 'table'
		UNION ALL SELECT type || ' ' || name || ' of ' || tbl_name FROM sqlite_schema ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()

	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
