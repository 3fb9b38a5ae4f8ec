package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
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

func (h *house) maildrop(t *testing.T) *journal.Maildrop {
	t.Helper()
	d, err := h.Maildrop(t.Context(), "ann@example.org")
	must(t, err)
	return d
}

// begin is what a retrieval does before it delivers.
func begin(ctx context.Context, m *journal.Mailbox, validity uint32) error {
	if err := m.Start(ctx, validity); err != nil {
		return err
	}
	return m.Claim(ctx)
}

func beginDrop(ctx context.Context, d *journal.Maildrop) error {
	if err := d.Start(ctx); err != nil {
		return err
	}
	return d.Claim(ctx)
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

func firstContact(t *testing.T, h *house) {
	ctx := t.Context()
	m := h.mailbox(t, "INBOX")
	same(t, "UIDVALIDITY never seen", m.UIDValidity(), 0)
	must(t, begin(ctx, m, 7))
	same(t, "repeat", m.Repeat(), false)
	must(t, m.Adopt(ctx, set(t, "1:10")))
	must(t, m.Record(ctx, set(t, "11:12,14"), false, true))
	must(t, m.End(ctx, 1))
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "UIDVALIDITY", m.UIDValidity(), 7)
	same(t, "done", m.Done().String(), "1:12,14")
	same(t, "pending", m.Pending().String(), "")
	copied := m.Done()
	copied.Add(99)
	same(t, "done after its copy was changed", m.Done().String(), "1:12,14")
}

func firstContactCut(t *testing.T, h *house) {
	ctx := t.Context()
	must(t, h.mailbox(t, "INBOX").Start(ctx, 7))
	h.reopen(t)
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	same(t, "repeat after Start alone", m.Repeat(), false)
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "UIDVALIDITY after Claim alone", m.UIDValidity(), 0)
	must(t, begin(ctx, m, 7))
	same(t, "repeat", m.Repeat(), true)
	must(t, m.Adopt(ctx, journal.Set{})) // nothing was there, but now we know
	h.reopen(t)
	same(t, "UIDVALIDITY after an empty Adopt", h.mailbox(t, "INBOX").UIDValidity(), 7)
}

func pendingAcknowledged(t *testing.T, h *house) {
	ctx := t.Context()
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	must(t, m.Record(ctx, set(t, "1:5"), true, false))
	must(t, m.Record(ctx, set(t, "6"), false, false))
	must(t, m.Acknowledged(ctx, set(t, "2:3,9")))
	for range 2 {
		same(t, "done", m.Done().String(), "1:6")
		same(t, "pending", m.Pending().String(), "1,4:5")
		h.reopen(t)
		m = h.mailbox(t, "INBOX")
	}
	must(t, begin(ctx, m, 7))
	must(t, m.Acknowledged(ctx, m.Pending()))
	must(t, m.End(ctx, 1))
	h.reopen(t)
	same(t, "pending at last", h.mailbox(t, "INBOX").Pending().String(), "")
}

func recordedAgain(t *testing.T, h *house) {
	ctx := t.Context()
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	must(t, m.Record(ctx, set(t, "1:5"), true, false))
	must(t, m.Record(ctx, set(t, "1:2"), false, false))
	must(t, m.Record(ctx, journal.Set{}, true, true))
	same(t, "pending", m.Pending().String(), "3:5")
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "done", m.Done().String(), "1:5")
	same(t, "pending", m.Pending().String(), "3:5")
}

func repeat(t *testing.T, h *house) {
	ctx := t.Context()
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	must(t, m.Record(ctx, set(t, "1"), false, false))
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	same(t, "repeat after a cut", m.Repeat(), true)
	must(t, begin(ctx, m, 7))
	same(t, "repeat after a cut, same process", m.Repeat(), true)
	must(t, m.End(ctx, 1))
	must(t, begin(ctx, m, 7))
	same(t, "repeat after End", m.Repeat(), false)
	m.Doubt()
	must(t, m.End(ctx, 1))
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	same(t, "repeat after a doubt", m.Repeat(), true)
	must(t, m.End(ctx, 1))
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	same(t, "repeat after End, new process", m.Repeat(), false)
}

func renumbered(t *testing.T, h *house) {
	ctx := t.Context()
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	must(t, m.Record(ctx, set(t, "1:100"), true, false))
	must(t, m.End(ctx, 101))
	must(t, m.Start(ctx, 8))
	same(t, "done of the renumbered", m.Done().String(), "")
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "UIDVALIDITY while nothing was written", m.UIDValidity(), 7)
	must(t, begin(ctx, m, 8))
	same(t, "done", m.Done().String(), "")
	same(t, "pending", m.Pending().String(), "")
	same(t, "UIDNEXT", m.UIDNext(), 0)
	same(t, "UIDVALIDITY", m.UIDValidity(), 8)
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "UIDVALIDITY while nothing was recorded", m.UIDValidity(), 0)
	must(t, begin(ctx, m, 8))
	must(t, m.Record(ctx, set(t, "3"), false, false))
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "UIDVALIDITY then", m.UIDValidity(), 8)
	same(t, "done then", m.Done().String(), "3")
	same(t, "UIDNEXT then", m.UIDNext(), 0)
	if m.Start(ctx, 0) == nil {
		t.Error("UIDVALIDITY 0 was taken")
	}
	must(t, begin(ctx, m, 8))
	must(t, m.RecordTraced(ctx, set(t, "2"), []journal.Trace{{UID: 2, Looks: "5.a"}}, false))
	m.Restart()
	must(t, m.Claim(ctx))
	same(t, "done after Restart", m.Done().String(), "")
	same(t, "UIDVALIDITY after Restart", m.UIDValidity(), 8)
	must(t, m.Record(ctx, set(t, "1"), false, false))
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "done since Restart", m.Done().String(), "1")
	same(t, "traces after Restart", fmt.Sprint(m.Traces(set(t, "1:9"))), "map[2:5.a]")
}

func uidNext(t *testing.T, h *house) {
	ctx := t.Context()
	const want = math.MaxUint32
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	must(t, m.Record(ctx, set(t, "1"), false, false))
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "UIDNEXT without End", m.UIDNext(), 0)
	must(t, begin(ctx, m, 7))
	must(t, m.End(ctx, want))
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "UIDNEXT", m.UIDNext(), want)
	must(t, begin(ctx, m, 7))
	same(t, "UIDNEXT during the next retrieval", m.UIDNext(), want)
	must(t, m.End(ctx, 1))
	same(t, "another UIDNEXT", m.UIDNext(), 1)
}

func manyRetrievals(t *testing.T, h *house) {
	ctx := t.Context()
	var done, pending journal.Set
	m := h.mailbox(t, "INBOX")
	for i := range uint32(60) {
		must(t, begin(ctx, m, 7))
		must(t, m.Record(ctx, journal.SetOf(i*2+1), true, false))
		done.Add(i*2 + 1)
		pending.Add(i*2 + 1)
		if i%3 == 0 {
			must(t, m.Acknowledged(ctx, journal.SetOf(i*2+1)))
			pending = pending.Minus(journal.SetOf(i*2 + 1))
		}
		must(t, m.End(ctx, i))
		if i%7 == 0 {
			h.reopen(t)
			m = h.mailbox(t, "INBOX")
		}
		same(t, "done", m.Done().String(), done.String())
		same(t, "pending", m.Pending().String(), pending.String())
		same(t, "UIDNEXT", m.UIDNext(), i)
	}
}

func largestUIDs(t *testing.T, h *house) {
	ctx := t.Context()
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, math.MaxUint32))
	must(t, m.Record(ctx, set(t, "1,4294967290:4294967295"), true, false))
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "UIDVALIDITY", m.UIDValidity(), math.MaxUint32)
	same(t, "pending", m.Pending().String(), "1,4294967290:4294967295")
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

func overtaken(t *testing.T, h *house) {
	ctx := t.Context()
	slow := h.mailbox(t, "INBOX")
	must(t, begin(ctx, slow, 7))
	must(t, slow.Record(ctx, set(t, "1"), false, false))
	h.reopen(t)
	fast := h.mailbox(t, "INBOX")
	must(t, begin(ctx, fast, 7))
	for name, err := range map[string]error{
		"record": slow.Record(ctx, set(t, "2"), false, false),
		"start":  slow.Start(ctx, 7),
		"end":    slow.End(ctx, 9),
	} {
		if !errors.Is(err, journal.ErrTaken) {
			t.Errorf("%s after another retrieval began: %v", name, err)
		}
	}
	same(t, "the slow one's done", slow.Done().String(), "1")
	must(t, fast.Record(ctx, set(t, "3"), false, false))
	must(t, fast.End(ctx, 1))
	h.reopen(t)
	same(t, "done", h.mailbox(t, "INBOX").Done().String(), "1,3")
}

// What was recorded since a record was opened was not seen by its opener: it would be delivered again.
func twoOpeners(t *testing.T, h *house) {
	ctx := t.Context()
	a := h.mailbox(t, "INBOX")
	must(t, begin(ctx, a, 7))
	must(t, a.Record(ctx, set(t, "1:4"), false, false))
	h.reopen(t)
	stale, started, claimed := h.mailbox(t, "INBOX"), h.mailbox(t, "INBOX"), h.mailbox(t, "INBOX")
	must(t, started.Start(ctx, 7))
	must(t, claimed.Start(ctx, 7))
	must(t, a.Record(ctx, set(t, "5"), false, false))
	for name, err := range map[string]error{
		"start":  stale.Start(ctx, 7),
		"claim":  started.Claim(ctx),
		"adopt":  started.Adopt(ctx, set(t, "9")),
		"end":    claimed.End(ctx, 3),
		"record": func() error { must(t, a.Claim(ctx)); return a.Record(ctx, set(t, "6"), false, false) }(),
	} {
		if (name != "record") != errors.Is(err, journal.ErrTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.reopen(t)
	b := h.mailbox(t, "INBOX")
	must(t, begin(ctx, b, 7))
	same(t, "done", b.Done().String(), "1:6")
	if err := a.Record(ctx, set(t, "7"), false, true); !errors.Is(err, journal.ErrTaken) {
		t.Errorf("record after another one's claim: %v", err)
	}
	if err := a.Acknowledged(ctx, set(t, "6")); !errors.Is(err, journal.ErrTaken) {
		t.Errorf("acknowledged after another one's claim: %v", err)
	}
}

func twoDropOpeners(t *testing.T, h *house) {
	ctx := t.Context()
	a := h.maildrop(t)
	must(t, beginDrop(ctx, a))
	h.reopen(t)
	stale, started := h.maildrop(t), h.maildrop(t)
	must(t, started.Start(ctx))
	must(t, a.Record(ctx, []string{"five"}, false, false))
	must(t, a.End(ctx, true))
	for name, err := range map[string]error{"start": stale.Start(ctx), "claim": started.Claim(ctx), "end": started.End(ctx, false)} {
		if !errors.Is(err, journal.ErrTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func twoNew(t *testing.T, h *house) {
	ctx := t.Context()
	a, b, c := h.maildrop(t), h.maildrop(t), h.maildrop(t)
	must(t, b.Start(ctx))
	must(t, beginDrop(ctx, a))
	for name, err := range map[string]error{"claim": b.Claim(ctx), "start": c.Start(ctx)} {
		if !errors.Is(err, journal.ErrTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, a.Record(ctx, []string{"a"}, false, false))
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

func notStarted(t *testing.T, h *house) {
	ctx := t.Context()
	m, d := h.mailbox(t, "INBOX"), h.maildrop(t)
	refused := func(state string, claimed bool) {
		t.Helper()
		for name, err := range map[string]error{
			"mailbox record": m.Record(ctx, set(t, "2"), false, false), "mailbox pending": m.Record(ctx, set(t, "2"), true, true),
			"maildrop record": d.Record(ctx, []string{"a"}, false, false), "maildrop pending": d.Record(ctx, []string{"a"}, true, true),
		} {
			if err == nil {
				t.Errorf("%s %s", name, state)
			}
		}
		if claimed {
			return
		}
		for name, err := range map[string]error{
			"mailbox adopt": m.Adopt(ctx, set(t, "2")), "maildrop adopt": d.Adopt(ctx, []string{"a"}),
			"mailbox claim": m.Claim(ctx), "maildrop claim": d.Claim(ctx), "mailbox end": m.End(ctx, 2), "maildrop end": d.End(ctx, false),
		} {
			if err == nil {
				t.Errorf("%s %s", name, state)
			}
		}
	}
	refused("without Start", false)
	must(t, m.Start(ctx, 7))
	must(t, d.Start(ctx))
	refused("without Claim", true)
	must(t, m.Adopt(ctx, set(t, "3")))
	must(t, d.Adopt(ctx, []string{"b"}))
	must(t, m.Claim(ctx))
	must(t, d.Claim(ctx))
	must(t, m.End(ctx, 1))
	must(t, d.End(ctx, false))
	refused("after End", false)
}

func afterCtx(t *testing.T, h *house) {
	ctx, cancel := context.WithCancel(t.Context())
	m, d := h.mailbox(t, "INBOX"), h.maildrop(t)
	must(t, begin(ctx, m, 7))
	must(t, beginDrop(ctx, d))
	cancel()
	must(t, m.Record(ctx, set(t, "2"), true, true))
	must(t, m.Acknowledged(ctx, set(t, "2")))
	must(t, d.Record(ctx, []string{"a"}, true, true))
	must(t, d.Acknowledged(ctx, []string{"a"}))
	if err := m.Adopt(ctx, set(t, "5")); !errors.Is(err, context.Canceled) {
		t.Errorf("Adopt after ctx: %v", err)
	}
	if err := m.End(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("End after ctx: %v", err)
	}
	same(t, "done", m.Done().String(), "2")
}

func closed(t *testing.T, h *house) {
	ctx := t.Context()
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	must(t, h.Close())
	must(t, h.Close())
	if err := m.Record(ctx, set(t, "2"), false, false); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Record after Close: %v", err)
	}
	if _, err := h.Mailbox(ctx, "a", "b"); err == nil {
		t.Error("Mailbox after Close")
	}
}

// seen is what is known of a UIDL, whatever memory it takes.
func seen(d *journal.Maildrop, uidl string) journal.Sight {
	s := d.MarkListed([]byte(uidl))
	s.Held = 0
	return s
}

func maildrop(t *testing.T, h *house) {
	ctx := t.Context()
	d := h.maildrop(t)
	must(t, beginDrop(ctx, d))
	same(t, "new", d.New(), true)
	must(t, d.Adopt(ctx, []string{"old"}))
	must(t, d.Record(ctx, []string{"a", "b"}, true, true))
	must(t, d.Record(ctx, []string{"c"}, false, false))
	must(t, d.Acknowledged(ctx, []string{"a", "stranger"}))
	for range 2 {
		for uidl, want := range map[string][2]bool{
			"old": {true, false}, "a": {true, false}, "b": {true, true}, "c": {true, false},
			"stranger": {}, "A": {}, "": {}, "a\n": {}, "b\nc": {},
		} {
			same(t, fmt.Sprintf("%q done, pending", uidl), [2]bool{d.Done(uidl), d.Pending(uidl)}, want)
		}
		h.reopen(t)
		d = h.maildrop(t)
		same(t, "new in a second process", d.New(), false)
	}
	must(t, beginDrop(ctx, d))
	same(t, "new in the second retrieval", d.New(), false)
	must(t, d.RecordPending(ctx, []string{"s 1", "t"}, []int64{123, 0}, nil, true))
	for range 2 {
		same(t, "size of a pending message", seen(d, "s 1"), journal.Sight{UIDL: "s 1", Done: true, Pending: true, Size: 123})
		same(t, "size that is not known", seen(d, "t"), journal.Sight{UIDL: "t", Done: true, Pending: true})
		h.reopen(t)
		d = h.maildrop(t)
	}
	must(t, beginDrop(ctx, d))
	same(t, "repeat", d.Repeat(), true)
	must(t, d.End(ctx, false))
	must(t, beginDrop(ctx, d))
	same(t, "repeat after End", d.Repeat(), false)
}

func maildropCut(t *testing.T, h *house) {
	ctx := t.Context()
	must(t, beginDrop(ctx, h.maildrop(t)))
	h.reopen(t)
	d := h.maildrop(t)
	must(t, beginDrop(ctx, d))
	same(t, "new after Claim alone", d.New(), true)
	must(t, d.End(ctx, false))
	must(t, beginDrop(ctx, d))
	same(t, "new after End", d.New(), false)
}

func oddUIDLs(t *testing.T, h *house) {
	ctx := t.Context()
	odd := []string{
		"x", " ", "\n", "\x00", "\r\n", "a b", "\\", "\\n", "\\x0a", "é", "\xff\xfe", "a\nb",
		strings.Repeat("q", 1e6), strings.Repeat("\xff", 1e6), strings.Repeat("q", 1e6-1) + "r", "'\";--",
	}
	d := h.maildrop(t)
	must(t, beginDrop(ctx, d))
	must(t, d.Record(ctx, odd, true, false))
	if d.Record(ctx, []string{"fine", ""}, false, false) == nil {
		t.Error("empty UIDL was taken")
	}
	if d.Adopt(ctx, []string{""}) == nil {
		t.Error("empty UIDL was adopted")
	}
	same(t, "the one beside the empty one", d.Done("fine"), false)
	h.reopen(t)
	d = h.maildrop(t)
	for _, u := range odd {
		same(t, fmt.Sprintf("pending %.20q", u), d.Pending(u), true)
	}
	for _, u := range []string{"a", "b", "n", "\\x5c", strings.Repeat("q", 1e6-1)} {
		same(t, fmt.Sprintf("done %.20q", u), d.Done(u), false)
	}
	must(t, beginDrop(ctx, d))
	for _, again := range []bool{false, true} {
		for _, u := range odd {
			same(t, fmt.Sprintf("sight of %.20q", u), seen(d, u), journal.Sight{UIDL: u, Done: true, Pending: true, Again: again})
		}
	}
	same(t, "sight of a stranger", seen(d, "b"), journal.Sight{UIDL: "b"})
	same(t, "sight of a stranger", seen(d, "b"), journal.Sight{UIDL: "b", Again: true})
	must(t, d.End(ctx, true))
	same(t, "stranger done", d.Done("b"), false)
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

// The server may list in another order than ours, leave some out and put new ones between.
func listingOrders(t *testing.T, h *house) {
	ctx := t.Context()
	d := h.maildrop(t)
	must(t, beginDrop(ctx, d))
	must(t, d.Record(ctx, []string{"a", "b", "c", "d", "e"}, false, false))
	for _, listing := range []string{"abcde", "edcba", "bXd", "XYZ", "abXcdYe", "eaeXaX", ""} {
		must(t, beginDrop(ctx, d))
		for i, u := range listing {
			want := journal.Sight{UIDL: string(u), Done: u >= 'a', Again: strings.ContainsRune(listing[:i], u)}
			same(t, fmt.Sprintf("sight of %c in %s", u, listing), seen(d, string(u)), want)
		}
		must(t, d.End(ctx, true))
		h.days(journal.AbsentDays / 2)
	}
	for u, want := range map[string]bool{"a": true, "b": true, "c": true, "d": true, "e": true, "X": false} {
		same(t, "done "+u, d.Done(u), want)
	}
}

func seeAllBut(d *journal.Maildrop, absent ...string) {
	for i := range 60 {
		if u := fmt.Sprint("u", i); !slices.Contains(absent, u) {
			seen(d, u)
		}
	}
}

func manyDropRetrievals(t *testing.T, h *house) {
	ctx := t.Context()
	d := h.maildrop(t)
	for i := range 60 {
		must(t, beginDrop(ctx, d))
		must(t, d.Record(ctx, []string{fmt.Sprint("u", i)}, i%6 != 5, false))
		if i%3 == 0 {
			must(t, d.Acknowledged(ctx, []string{fmt.Sprint("u", i)}))
		}
		seeAllBut(d, "u5", "u17")
		must(t, d.End(ctx, true))
		if i%7 == 0 {
			h.days(2)
			h.reopen(t)
			d = h.maildrop(t)
		}
	}
	h.reopen(t)
	d = h.maildrop(t)
	for i := range 60 {
		u := fmt.Sprint("u", i)
		// u5 and u17 were missed on the 4th and 6th of 18 days.
		same(t, u+" done", d.Done(u), true)
		same(t, u+" pending", d.Pending(u), i%3 != 0 && i%6 != 5)
	}
	h.days(40)
	must(t, beginDrop(ctx, d))
	seeAllBut(d, "u5", "u17", "u23")
	must(t, d.End(ctx, true))
	for i := range 60 {
		same(t, fmt.Sprint("u", i, " after 40 days"), d.Done(fmt.Sprint("u", i)), i != 5 && i != 17)
	}
}

func manyGoroutines(t *testing.T, h *house) {
	const boxes, batches = 16, 20
	var wg sync.WaitGroup
	for i := range boxes {
		wg.Go(func() {
			ctx := context.WithoutCancel(t.Context())
			m, err := h.Mailbox(ctx, fmt.Sprint("account", i%4), fmt.Sprint("mailbox", i))
			d, err2 := h.Maildrop(ctx, fmt.Sprint("account", i))
			err = errors.Join(err, err2, begin(ctx, m, 7), beginDrop(ctx, d))
			for k := range uint32(batches) {
				err = errors.Join(err,
					m.Record(ctx, journal.SetOf(k*3+1, k*3+2), true, k%8 == 0),
					d.Record(ctx, []string{fmt.Sprint("a", k), fmt.Sprint("b", k)}, true, false),
					m.Acknowledged(ctx, journal.SetOf(k*3+1)))
			}
			err = errors.Join(err, m.End(ctx, 1), d.End(ctx, false))
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	h.reopen(t)
	for i := range boxes {
		m, err := h.Mailbox(t.Context(), fmt.Sprint("account", i%4), fmt.Sprint("mailbox", i))
		must(t, err)
		same(t, "done", m.Done().Len(), 2*batches)
		same(t, "pending", m.Pending().Len(), batches)
		d, err := h.Maildrop(t.Context(), fmt.Sprint("account", i))
		must(t, err)
		same(t, "UIDLs", d.Pending("a0") && d.Pending(fmt.Sprint("b", batches-1)), true)
	}
}
