package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// picture is what a journal says of the records that fill has made: a text each, or the error.
func picture(ctx context.Context, j *Journal) (texts [3]string, errs [3]error) {
	for i, name := range []string{"ann", "bob"} {
		m, err := j.Mailbox(ctx, name, "INBOX")
		if errs[i] = err; err == nil {
			texts[i] = fmt.Sprint(m.UIDValidity(), m.UIDNext(),
				m.Done(), m.Pending(), m.Delivered(), m.box.inUse)
		}
	}
	d, err := j.Maildrop(ctx, "carl")
	if errs[2] = err; err == nil {
		texts[2] = fmt.Sprint(d.New(), d.box.inUse)
		for _, uidl := range []string{"a", "b", "c", "0123456789abcdef", "free"} {
			texts[2] += fmt.Sprint(d.MarkListed([]byte(uidl)))
		}
	}
	return texts, errs
}

// fill makes a journal with records of all kinds at path.
func fill(t *testing.T, path string) {
	t.Helper()
	ctx := t.Context()
	j := openOn(t, &disk{}, path)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{"ann", "bob"} {
		m, err := j.Mailbox(ctx, name, "INBOX")
		must(err)
		must(begin(ctx, m, 7))
		must(m.Adopt(ctx, SetOf(1, 2, 3)))
		must(m.Record(ctx, SetOf(10, 11, 12+uint32(i)), true, false))
		must(m.Acknowledged(ctx, SetOf(11)))
		if i > 0 {
			must(m.End(ctx, 14))
		}
	}
	d, err := j.Maildrop(ctx, "carl")
	must(err)
	must(beginDrop(ctx, d))
	must(d.Record(ctx, []string{"a", "b", "0123456789abcdef"}, false, false))
	must(d.RecordPending(ctx, []string{"c"}, []int64{100}, nil, false))
	must(d.Acknowledged(ctx, []string{"a"}))
	d.MarkListed([]byte("0123456789abcdef"))
	must(d.End(ctx, true))
	must(j.SetNote(ctx, "ann", "a note"))
	must(j.Close())
}

// soundJournal is the file of a journal with records of all kinds, and what it says.
func soundJournal(t *testing.T) (file []byte, want [3]string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sound.db")
	fill(t, path)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, errs := picture(t.Context(), openOn(t, &disk{}, path))
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return file, want
}

// TestFlippedBytes changes one byte of the file at a time. A record is then what it was, or an error: what
// it says is never another thing, as this could delete mail or pass it for delivered.
func TestFlippedBytes(t *testing.T) {
	t.Parallel()
	sound, want := soundJournal(t)
	var used []int
	for i, b := range sound {
		if b != 0 {
			used = append(used, i)
		}
	}

	step := 23
	if os.Getenv("JOURNAL_FLIPS") == "all" {
		step = 1
	}

	noticed := 0
	for i := rand.IntN(step); i < len(used); i += step {
		at, bits := used[i], byte(1+rand.IntN(255))
		if bad := flipped(t, sound, at, bits, want); bad != "" {
			t.Errorf("byte %d of page %d, %#02x xor %#02x: %s",
				at%pageSize, at/pageSize+1, sound[at], bits, bad)
		} else {
			noticed++
		}
	}
	t.Logf("%d of %d used bytes tried", noticed, len(used))
}

// TestColumnTooMany changes a letter of the schema into a comma: there is one column more then, and each
// behind it is taken for its neighbour.
func TestColumnTooMany(t *testing.T) {
	t.Parallel()
	sound, want := soundJournal(t)

	begin := bytes.Index(sound, []byte("CREATE TABLE mailbox"))
	if begin < 0 {
		t.Fatal("the schema is nowhere")
	}
	for at := begin; sound[at] != ')'; at++ {
		if sound[at] != 'E' {
			continue
		}
		if bad := flipped(t, sound, at, 'E'^',', want); bad != "" {
			t.Errorf("byte %d, %q: %s", at, sound[at-30:at+1], bad)
		}
	}
}

// flipped says what is wrong with a journal in which one byte was changed.
func flipped(t *testing.T, sound []byte, at int, bits byte, want [3]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "flip")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "journal.db")
	data := append([]byte(nil), sound...)
	data[at] ^= bits
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := OpenWith(t.Context(), path, Options{Sync: func(*os.File) error { return nil }})
	if err != nil {
		return ""
	}
	defer j.Close()
	got, errs := picture(t.Context(), j)
	for i := range got {
		if errs[i] == nil && got[i] != want[i] {
			return fmt.Sprintf("%q has become %q", want[i], got[i])
		}
	}
	return ""
}

// TestChangedRecord changes what SQLite has no reason to doubt. The account gets an error that tells what
// to do, the others go on.
func TestChangedRecord(t *testing.T) {
	t.Parallel()
	const ann = "(SELECT id FROM mailbox WHERE account='ann')"
	for _, tt := range []struct{ name, sql string }{
		{"a UID", "UPDATE record SET uids='10,11,13' WHERE uids='10:12'"},
		{"a fact", "UPDATE record SET what='delivered' WHERE what='pending' AND mailbox=" + ann},
		{"a time", "UPDATE record SET at=at+1 WHERE n=1 AND mailbox=" + ann},
		{"no row", "DELETE FROM record WHERE mailbox=" + ann},
		{"no last row of its table", "DELETE FROM record WHERE n=2 AND mailbox=" + ann},
		{"no last row", "UPDATE mailbox SET last_what='', last_at=0, last_uids='' WHERE account='ann'"},
		{"the last row's UIDs", "UPDATE mailbox SET last_uids='12' WHERE account='ann'"},
		{"the last row's fact", "UPDATE mailbox SET last_what='forgotten' WHERE account='ann'"},
		{"the last row's time", "UPDATE mailbox SET last_at=last_at+1 WHERE account='ann'"},
		{"another one's row", "INSERT INTO record SELECT " + ann + ", 4, what, at, " +
			"uids FROM record WHERE n=2 AND mailbox=(SELECT id FROM mailbox WHERE account='bob')"},
		{"rows in another order", "UPDATE record SET n=n+10 WHERE n<2 AND mailbox=" + ann},
		{"the mark", "UPDATE mailbox SET in_use=0 WHERE account='ann'"},
		{"the UIDVALIDITY", "UPDATE mailbox SET uidvalidity=8 WHERE account='ann'"},
		{"the UIDNEXT", "UPDATE mailbox SET uidnext=99 WHERE account='ann'"},
		{"the run", "UPDATE mailbox SET run=run+1 WHERE account='ann'"},
		{"the day", "UPDATE mailbox SET changed=changed+1 WHERE account='ann'"},
		{"how many rows are folded", "UPDATE mailbox SET folded=folded+1 WHERE account='ann'"},
		{"the checksum", "UPDATE mailbox SET sum=0 WHERE account='ann'"},
		{"the name", "UPDATE mailbox SET account='anna' WHERE account='ann'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "journal.db")
			fill(t, path)
			runSQL(t, path, tt.sql)
			j := openOn(t, &disk{}, path)
			name := "ann"
			if tt.name == "the name" {
				name = "anna"
			}

			_, err := j.Mailbox(t.Context(), name, "INBOX")
			var damage *damageError
			if !errors.As(err, &damage) || !errors.Is(err, ErrDamaged) {
				t.Fatalf("error %v", err)
			}

			for _, want := range []string{name, "INBOX", "checksum", "hint: ", "backup", damage.cure, path} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}

			if m, err := j.Mailbox(t.Context(), "bob", "INBOX"); err != nil ||
				m.Pending().String() != "10,13" {
				t.Errorf("another account: %v, %v", m, err)
			}

			runSQL(t, path, damage.cure)
			if m, err := j.Mailbox(t.Context(), name, "INBOX"); err != nil ||
				m.UIDValidity() != 0 || !m.Done().IsEmpty() {
				t.Errorf("after the cure: %v", err)
			}
		})
	}
}

// TestChangedHead: also the first write of a record, and each number of its census, have a checksum.
func TestChangedHead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, sql string
		end       bool
	}{
		{"the first run", "UPDATE mailbox SET uidvalidity=9", false},
		{"first", "UPDATE mailbox SET first=first+1", true},
		{"settled", "UPDATE mailbox SET settled=settled+1", true},
		{"looked", "UPDATE mailbox SET looked=looked+1", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "journal.db")
			j := openOn(t, &disk{}, path)
			m, err := j.Mailbox(t.Context(), "ann", "INBOX")
			if err == nil {
				err = begin(t.Context(), m, 7)
			}
			if err == nil && tt.end {
				m.SetCensus(Census{First: 1, Settled: 2, Looked: 3})
				err = m.End(t.Context(), 4)
			}
			if err := errors.Join(err, j.Close()); err != nil {
				t.Fatal(err)
			}

			runSQL(t, path, tt.sql)
			if _, err := openOn(t, &disk{}, path).Mailbox(t.Context(), "ann", "INBOX"); !errors.Is(err,
				ErrDamaged) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestMalformedRecord has rows with a right checksum that this package does not write.
func TestMalformedRecord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		protocol protocol
		text     string
	}{{imap, "1:x"}, {imap, "0"}, {pop3, "no line end"}, {pop3, "\n"}, {pop3, "a\n\nb\n"}, {pop3, "a x\n"}} {
		j := openMemory(newShelf(), nil)
		b := box{key: key{"bob", tt.protocol, ""}}
		c := b.next()
		c.add(row{pending, 0, tt.text})
		if err := j.store.save(t.Context(), false, c); err != nil {
			t.Fatal(err)
		}
		var err error
		if tt.protocol == imap {
			_, err = j.Mailbox(t.Context(), "bob", "")
		} else {
			_, err = j.Maildrop(t.Context(), "bob")
		}
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "hint: ") {
			t.Errorf("%s %q: %v", tt.protocol, tt.text, err)
		}
	}
}

// Without the note about which recipients have a message, some would get it a second time.
func TestChangedShare(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.db")
	fill(t, path)
	j := openOn(t, &disk{}, path)
	if err := j.SetShare(t.Context(), "ann", "1", "half"); err != nil {
		t.Fatal(err)
	}
	runSQL(t, path, "UPDATE note SET text='another' WHERE text='half'")
	if shares, err := j.Shares(t.Context(), "ann"); !errors.Is(err, ErrDamaged) {
		t.Errorf("%q, %v", shares, err)
	}
}

func TestChangedNote(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.db")
	fill(t, path)
	runSQL(t, path, "UPDATE note SET text='another' WHERE name='account ann'")
	j := openOn(t, &disk{}, path)
	if text, err := j.Note(t.Context(), "ann"); !errors.Is(err, ErrDamaged) || text != "" {
		t.Errorf("%q, %v", text, err)
	}
	if err := j.SetNote(t.Context(), "ann", "new"); err != nil {
		t.Error(err)
	}
	if text, err := j.Note(t.Context(), "ann"); text != "new" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// A record that is damaged does not keep fetchmail's UIDs from the other accounts; it gets its own once it
// is mended.
func TestImportBesideDamage(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir := t.TempDir()
	path, ids := filepath.Join(dir, "journal.db"), filepath.Join(dir, "fetchids")
	fill(t, path)
	runSQL(t, path, "UPDATE mailbox SET sum=0 WHERE account='carl'")
	if err := os.WriteFile(ids, []byte("carl@h new\ndora@h new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j := openOn(t, &disk{}, path)
	imported := func(want int) {
		t.Helper()
		f, err := os.Open(ids)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		n, err := j.ImportFetchids(ctx, f, func(user, _ string) (string, bool) { return user, true })
		if n != want || err != nil {
			t.Errorf("%d imported, %v, want %d", n, err, want)
		}
	}
	imported(1)
	d, err := j.Maildrop(ctx, "dora")
	if err != nil || !d.Done("new") {
		t.Errorf("the other account: %v", err)
	}
	_, err = j.Maildrop(ctx, "carl")
	var damage *damageError
	if !errors.As(err, &damage) {
		t.Fatal(err)
	}
	runSQL(t, path, damage.cure)
	imported(1)
	imported(0)
}

func runSQL(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
