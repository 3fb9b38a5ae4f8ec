package journal_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/fetch/journal"
)

// The contract suite: what a retrieval relies on, whatever store is below.

// opener opens the journal at path. What an earlier opener of the same path has written is there.
type opener func(t *testing.T, path string, now func() time.Time) *journal.Journal

func openSQLite(t *testing.T, path string, now func() time.Time) *journal.Journal {
	t.Helper()
	j, err := journal.OpenWith(t.Context(), path, journal.Options{Now: now})
	must(t, err)
	return j
}

func openMemory() opener {
	open := journal.MemoryOpener()
	return func(_ *testing.T, path string, now func() time.Time) *journal.Journal { return open(path, now) }
}

func TestContract(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		run  func(*testing.T, *house)
	}{
		{"first contact", firstContact},
		{"first contact cut off", firstContactCut},
		{"pending and acknowledged", pendingAcknowledged},
		{"recorded again", recordedAgain},
		{"repeat", repeat},
		{"renumbered mailbox", renumbered},
		{"staying messages", staying},
		{"UIDNEXT", uidNext},
		{"vacant UIDs", vacantUIDs},
		{"the census", census},
		{"traces", tracesOfTheDeleted},
		{"many retrievals of one mailbox", manyRetrievals},
		{"the largest UIDs", largestUIDs},
		{"records are apart", apart},
		{"overtaken", overtaken},
		{"two openers", twoOpeners},
		{"two openers of a maildrop", twoDropOpeners},
		{"two openers, both new", twoNew},
		{"nothing new", nothingNew},
		{"cut off and nothing new", nothingNewAfterCut},
		{"names and copies", namesAndCopies},
		{"notes", notes},
		{"shares", shares},
		{"not started", notStarted},
		{"after the end of ctx", afterCtx},
		{"closed", closed},
		{"maildrop", maildrop},
		{"maildrop cut off", maildropCut},
		{"odd UIDLs", oddUIDLs},
		{"forgetting", forgetting},
		{"many retrievals of one maildrop", manyDropRetrievals},
		{"orders of a listing", listingOrders},
		{"many goroutines", manyGoroutines},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for name, open := range map[string]opener{"sqlite": openSQLite, "memory": openMemory()} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					path := filepath.Join(t.TempDir(), "state", "journal.db")
					h := &house{open: open, path: path, now: time.Unix(1800000000, 0)}
					h.reopen(t)
					tt.run(t, h)
				})
			}
		})
	}
}

// house is a journal that a test can leave and enter again.
type house struct {
	open opener
	path string
	*journal.Journal
	mu  sync.Mutex
	now time.Time
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) days(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.AddDate(0, 0, n)
}

// reopen is as a new process sees it; the old journal stays open, as if it had been killed.
func (h *house) reopen(t *testing.T) {
	t.Helper()
	h.Journal = h.open(t, h.path, h.clock).Watch()
	t.Cleanup(func() { must(t, h.Journal.Close()) })
}

func (h *house) mailbox(t *testing.T, name string) *journal.Mailbox {
	t.Helper()
	m, err := h.Mailbox(t.Context(), "ann@example.org", name)
	must(t, err)
	return m
}

// begin is what a retrieval does before it delivers.
func begin(ctx context.Context, m *journal.Mailbox, validity uint32) error {
	if err := m.Start(ctx, validity); err != nil {
		return err
	}
	return m.Claim(ctx)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func set(t *testing.T, text string) journal.Set {
	t.Helper()
	s, err := journal.ParseSet(text)
	must(t, err)
	return s
}

func apart(t *testing.T, h *house) {
	ctx := t.Context()
	names := []string{"INBOX", "inbox", "", "a\x00b", "\xff\xfe", "' OR 1=1", strings.Repeat("x", 2000)}
	for i, name := range names {
		m := h.mailbox(t, name)
		same(t, "UIDVALIDITY of "+name, m.UIDValidity(), 0)
		must(t, begin(ctx, m, uint32(i+1)))
		must(t, m.Record(ctx, journal.SetOf(uint32(i+1)), false, false))
	}
	must(t, beginDrop(ctx, h.maildrop(t)))
	h.reopen(t)
	for i, name := range names {
		same(t, "done of "+name, h.mailbox(t, name).Done().String(), fmt.Sprint(i+1))
	}
	other, err := h.Mailbox(ctx, "bob@example.org", "INBOX")
	must(t, err)
	same(t, "another account", other.UIDValidity(), 0)
}

func nothingNew(t *testing.T, h *house) {
	ctx := t.Context()
	m, d := h.mailbox(t, "INBOX"), h.maildrop(t)
	must(t, begin(ctx, m, 7))
	must(t, m.Record(ctx, set(t, "1:5"), false, false))
	must(t, m.End(ctx, 6))
	must(t, beginDrop(ctx, d))
	must(t, d.Record(ctx, []string{"a"}, false, false))
	d.MarkListed([]byte("a"))
	must(t, d.End(ctx, true))
	h.reopen(t)
	for range 3 {
		m, d = h.mailbox(t, "INBOX"), h.maildrop(t)
		must(t, m.Start(ctx, 7))
		must(t, m.Record(ctx, journal.Set{}, true, false))
		must(t, m.Acknowledged(ctx, journal.Set{}))
		must(t, m.End(ctx, 6))
		must(t, d.Start(ctx))
		d.MarkListed([]byte("a"))
		must(t, d.Acknowledged(ctx, nil))
		must(t, d.End(ctx, true))
		h.days(1)
	}
	same(t, "writes", h.Writes(), 0)
	must(t, m.Start(ctx, 7))
	must(t, m.End(ctx, 7))
	same(t, "writes with a new UIDNEXT", h.Writes(), 1)
	must(t, d.Start(ctx))
	must(t, d.End(ctx, true))
	same(t, "writes with a UIDL gone", h.Writes(), 2)
	must(t, m.Start(ctx, 7))
	must(t, m.Claim(ctx))
	must(t, m.Claim(ctx))
	same(t, "writes with a claim", h.Writes(), 3)
	must(t, m.End(ctx, 7))
	same(t, "writes with the claim's end", h.Writes(), 4)
}

// A mark that was left behind is removed by the next retrieval that ends well.
func nothingNewAfterCut(t *testing.T, h *house) {
	ctx := t.Context()
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	must(t, m.End(ctx, 6))
	must(t, begin(ctx, m, 7))
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	must(t, m.Start(ctx, 7))
	same(t, "repeat", m.Repeat(), true)
	must(t, m.End(ctx, 6))
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	must(t, m.Start(ctx, 7))
	same(t, "repeat after an end", m.Repeat(), false)
}

func namesAndCopies(t *testing.T, h *house) {
	ctx := t.Context()
	for _, name := range []string{"a", "b"} {
		d, err := h.Maildrop(ctx, name)
		must(t, err)
		must(t, beginDrop(ctx, d))
		must(t, d.Record(ctx, []string{"of " + name}, false, true))
		must(t, d.RecordPending(ctx, []string{"gone"}, []int64{5}, []string{"5.g"}, true))
		must(t, d.Acknowledged(ctx, []string{"gone"}))
		must(t, d.End(ctx, false))
	}
	m, err := h.Mailbox(ctx, "a", "INBOX")
	must(t, err)
	must(t, begin(ctx, m, 7))
	must(t, m.Record(ctx, set(t, "3:5"), true, false))
	must(t, h.SetNote(ctx, "a", "noted"))
	must(t, h.SetNote(ctx, "a looks INBOX", "5.x 6.y"))
	must(t, h.SetNote(ctx, "ab looks INBOX", "another's"))
	must(t, h.SetShare(ctx, "a", "1", "half"))
	must(t, h.Copy(ctx, "a", "c"))
	names, err := h.Names(ctx)
	same(t, "names", fmt.Sprint(names, err), "[a b c] <nil>")
	for _, name := range []string{"a", "c"} {
		d, err := h.Maildrop(ctx, name)
		must(t, err)
		same(t, "maildrop of "+name, fmt.Sprint(d.Done("of a"), d.Done("of b"), d.New(), d.Looks("gone")),
			"true false false5.g")
		m, err := h.Mailbox(ctx, name, "INBOX")
		must(t, err)
		must(t, begin(ctx, m, 7))
		same(t, "mailbox of "+name, fmt.Sprint(m.Pending(), m.Repeat()), "3:5 true")
		must(t, m.Record(ctx, set(t, "9"), false, true))
		note, err := h.Note(ctx, name)
		must(t, err)
		same(t, "note of "+name, note, "noted")
		looks, err := h.Note(ctx, name+" looks INBOX")
		must(t, err)
		same(t, "looks of "+name, looks, "5.x 6.y")
		shares, err := h.Shares(ctx, name)
		same(t, "shares of "+name, fmt.Sprint(shares, err), "map[1:half] <nil>")
	}
	if err := h.Copy(ctx, "b", "c"); err == nil {
		t.Error("two records became one")
	}
}

func notes(t *testing.T, h *house) {
	ctx := t.Context()
	for _, text := range []string{"", "one", "two\x00\n\xff", ""} {
		must(t, h.SetNote(ctx, "ann", text))
		must(t, h.SetNote(ctx, "bob", "his"))
		h.reopen(t)
		got, err := h.Note(ctx, "ann")
		must(t, err)
		same(t, "note", got, text)
	}
}

func shares(t *testing.T, h *house) {
	ctx := t.Context()
	for _, account := range []string{"ann", "ann b", "anna", "a"} {
		must(t, h.SetShare(ctx, account, "1", "of "+account))
		must(t, h.SetShare(ctx, account, "2\x00\xff", "more"))
	}
	must(t, h.SetShare(ctx, "ann", "1", "changed"))
	must(t, h.SetShare(ctx, "anna", "1", ""))
	h.reopen(t)
	for account, want := range map[string]string{
		"ann": `map["1":"changed" "2\x00\xff":"more"]`, "ann b": `map["1":"of ann b" "2\x00\xff":"more"]`,
		"anna": `map["2\x00\xff":"more"]`, "an": `map[]`,
	} {
		got, err := h.Shares(ctx, account)
		same(t, "shares of "+account, fmt.Sprintf("%q %v", got, err), want+" <nil>")
	}
}

func forgetting(t *testing.T, h *house) {
	ctx := t.Context()
	listed := map[string]bool{"stays": true, "goes": true, "returns": true}
	poll := func(record ...string) *journal.Maildrop {
		h.reopen(t)
		d := h.maildrop(t)
		must(t, beginDrop(ctx, d))
		must(t, d.Record(ctx, record, false, false))
		for u := range listed {
			seen(d, u)
		}
		must(t, d.End(ctx, true))
		return d
	}
	poll("stays", "goes", "returns")
	listed = map[string]bool{} // one day with an empty list
	poll()
	h.days(1)
	listed = map[string]bool{"stays": true}
	poll()
	h.days(20)
	listed["returns"] = true
	d := poll()
	same(t, "goes after 21 days", d.Done("goes"), true)
	delete(listed, "returns")
	poll()
	h.days(9) // 30 since the first absence
	d = poll()
	same(t, "goes after 30 days", d.Done("goes"), true)
	h.days(1)
	must(t, func() error { d = h.maildrop(t); must(t, beginDrop(ctx, d)); return d.End(ctx, false) }())
	same(t, "goes while nothing is asked", d.Done("goes"), true)
	d = poll()
	same(t, "goes in the end", d.Done("goes"), false)
	same(t, "returns, absent for 10 days", d.Done("returns"), true)
	same(t, "stays", d.Done("stays"), true)
	h.days(21)
	d = poll()
	same(t, "returns in the end", d.Done("returns"), false)
	same(t, "stays in the end", d.Done("stays"), true)
	d = poll("goes")
	same(t, "goes, come again", d.Done("goes"), true)
}
