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
	must(t, ann.Start(t.Context()))
	same(t, "repeat", ann.Repeat(), false)
	for uidl, want := range map[string]bool{"1": true, "2@x": true, "last": true, "9": false, "u\\1": false, "": false} {
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
	must(t, d.Start(t.Context()))
	must(t, d.Acknowledged(t.Context(), []string{"1"}))
	must(t, d.End(t.Context(), true)) // forgets it
	same(t, "with a stranger, when some was forgotten", load("ann@example.org 1\nbob@elsewhere.net 2\n", time.Hour), 0)
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
	if _, err := j.ImportFetchids(t.Context(), iotest.ErrReader(broken), onlyExample); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Unix(1800000000, 0)
	j, err := journal.OpenWith(ctx, filepath.Join(t.TempDir(), "j.db"), journal.Options{Now: func() time.Time { return now }})
	must(t, err)
	defer j.Close()
	if all, err := j.Accounts(ctx); len(all) > 0 || err != nil {
		t.Fatalf("new journal: %v, %v", all, err)
	}
	m, err := j.Mailbox(ctx, "bob", "INBOX")
	must(t, err)
	must(t, m.Start(ctx, 9))
	must(t, m.Record(ctx, set(t, "1:10"), true, false))
	must(t, m.Acknowledged(ctx, set(t, "1:3")))
	archive, err := j.Mailbox(ctx, "bob", "Archive")
	must(t, err)
	must(t, archive.Start(ctx, 3))
	now = now.Add(time.Hour)
	d, err := j.Maildrop(ctx, "ann")
	must(t, err)
	must(t, d.Start(ctx))
	must(t, d.Record(ctx, []string{"a", "b"}, true, false))
	must(t, d.Acknowledged(ctx, []string{"a"}))
	must(t, d.End(ctx, false))
	all, err := j.Accounts(ctx)
	must(t, err)
	if len(all) != 2 || len(all[0].Mailboxes) != 1 || len(all[1].Mailboxes) != 2 {
		t.Fatalf("accounts %+v", all)
	}
	same(t, "maildrop", all[0].Mailboxes[0], journal.MailboxInfo{Protocol: "pop3", Done: 2, Pending: 1, LastChange: now})
	same(t, "empty mailbox", all[1].Mailboxes[0], journal.MailboxInfo{Name: "Archive", Protocol: "imap", InUse: true})
	same(t, "mailbox", all[1].Mailboxes[1], journal.MailboxInfo{
		Name: "INBOX", Protocol: "imap", UIDValidity: 9, Done: 10, Pending: 7, InUse: true, LastChange: now.Add(-time.Hour),
	})
	same(t, "names", all[0].Name+" "+all[1].Name, "ann bob")
	same(t, "account's last change", all[1].LastChange, now.Add(-time.Hour))
}
