package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"fetchd/fetch/journal"
)

func onlyExample(user, host string) (string, bool) {
	return user + " on " + host, host == "example.org"
}

func TestImportFetchids(t *testing.T) {
	t.Parallel()
	text := "ann@example.org 1\n" +
		"ann@example.org 2@x\r\n" +
		"  \n\nno-at-sign 5\nann@example.org\n@example.org 7\nann@ 8\n\x00\xff\n" +
		"strange user@home@example.org u\\1\n" +
		"bob@elsewhere.net 9\n" +
		"ann@example.org " + strings.Repeat("l", 70000) + "\n" +
		"ann@example.org 1\n" +
		"ann@example.org last"

	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "j.db"))
	must(t, err)
	defer j.Close()
	n, err := j.ImportFetchids(t.Context(), strings.NewReader(text), onlyExample)
	must(t, err)
	same(t, "imported", n, 4)
	ann, err := j.Maildrop(t.Context(), "ann on example.org")
	must(t, err)
	same(t, "new", ann.New(), false)
	must(t, beginDrop(t.Context(), ann))
	same(t, "repeat", ann.Repeat(), false)

	for uidl, want := range map[string]bool{
		"1": true, "2@x": true, "last": true, "9": false, "u\\1": false, "": false,
	} {
		same(t, uidl, ann.Done(uidl), want)
	}

	strange, err := j.Maildrop(t.Context(), "strange user@home on example.org")
	must(t, err)
	same(t, "a user with a blank and an @", strange.Done("u\\1"), true)
	bob, err := j.Maildrop(t.Context(), "bob on elsewhere.net")
	must(t, err)
	same(t, "an account nobody knows", bob.Done("9"), false)
	same(t, "it is new", bob.New(), true)
	n, err = j.ImportFetchids(t.Context(), strings.NewReader(text), onlyExample)
	must(t, err)
	same(t, "imported a second time", n, 0)
}

func TestImportFetchidsOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), filepath.Join(dir, "j.db"))
	must(t, err)
	defer j.Close()
	path := filepath.Join(dir, ".fetchids")
	calls := 0
	load := func(text string, age time.Duration) int {
		t.Helper()
		must(t, os.WriteFile(path, []byte(text), 0o600))
		when := time.Unix(1800000000, 0).Add(-age)
		must(t, os.Chtimes(path, when, when))
		f, err := os.Open(path)
		must(t, err)
		defer f.Close()
		calls = 0
		n, err := j.ImportFetchids(t.Context(), f, func(user, host string) (string, bool) {
			calls++
			return onlyExample(user, host)
		})
		must(t, err)
		return n
	}

	same(t, "with a stranger", load("ann@example.org 1\nbob@elsewhere.net 2\n", time.Hour), 1)
	same(t, "again, in case he is known now", load("ann@example.org 1\nbob@elsewhere.net 2\n", time.Hour), 0)
	same(t, "looked at", calls, 2)
	d, err := j.Maildrop(t.Context(), "ann on example.org")
	must(t, err)
	must(t, beginDrop(t.Context(), d))
	must(t, d.Acknowledged(t.Context(), []string{"1"}))
	must(t, d.End(t.Context(), true)) // forgets it
	same(t, "with a stranger, when some was forgotten",
		load("ann@example.org 1\nbob@elsewhere.net 2\n", time.Hour), 0)
	same(t, "changed", load("ann@example.org 1\nann@example.org 3\n", 0), 2)
	same(t, "unchanged", load("ann@example.org 1\nann@example.org 3\n", 0), 0)
	same(t, "looked at", calls, 0)
	same(t, "changed again", load("ann@example.org 1\nann@example.org 4\n", time.Minute), 1)
}

func TestImportFetchidsUnreadable(t *testing.T) {
	t.Parallel()
	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "j.db"))
	must(t, err)
	defer j.Close()
	broken := errors.New("broken")
	if _, err := j.ImportFetchids(t.Context(),
		iotest.ErrReader(broken), onlyExample); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}
