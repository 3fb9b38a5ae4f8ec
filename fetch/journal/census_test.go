package journal_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"fetchd/fetch/journal"
)

// sets names the sets of a mailbox's record.
func sets(m *journal.Mailbox) string {
	return fmt.Sprintf("done %v, vacant %v, delivered %v, pending %v",
		m.Done(), m.Vacant(), m.Delivered(), m.Pending())
}

func vacantUIDs(t *testing.T, h *house) {
	ctx := t.Context()
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	must(t, m.Adopt(ctx, set(t, "2,4,6")))
	must(t, m.Vacate(ctx, set(t, "1,3,5"), nil))
	must(t, m.Record(ctx, set(t, "3,7,8"), true, false))
	must(t, m.Acknowledged(ctx, set(t, "7:8")))
	must(t, m.Vacate(ctx, set(t, "8"), nil))
	must(t, m.Vacate(ctx, set(t, "4"), nil))
	must(t, m.Adopt(ctx, set(t, "5")))
	must(t, m.Vacate(ctx, set(t, "9:10"), nil))
	must(t, m.Reopen(ctx, set(t, "9:10")))
	const want = "done 1:8, vacant 1,4,8, delivered 3,7, pending 3"
	same(t, "sets", sets(m), want)
	h.reopen(t)
	same(t, "sets as rows", sets(h.mailbox(t, "INBOX")), want)

	for range 20 { // folds
		m = h.mailbox(t, "INBOX")
		must(t, begin(ctx, m, 7))
		must(t, m.Adopt(ctx, set(t, "2")))
		must(t, m.End(ctx, 9))
	}
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "sets when folded", sets(m), want)
	must(t, begin(ctx, m, 8))
	same(t, "sets when renumbered", sets(m), "done , vacant , delivered , pending ")
}

func census(t *testing.T, h *house) {
	ctx := t.Context()
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	first := journal.Census{First: 9}
	m.SetCensus(first)
	must(t, m.Adopt(ctx, set(t, "1")))
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "written with another change", m.Census(), first)

	later := journal.Census{First: 9, Settled: 3, Looked: 1 << 40}
	must(t, begin(ctx, m, 7))
	must(t, m.End(ctx, 9))
	must(t, begin(ctx, m, 7))
	m.SetCensus(later)
	must(t, m.End(ctx, 9))
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "written by End", m.Census(), later)
	must(t, begin(ctx, m, 8))
	same(t, "when renumbered", m.Census(), journal.Census{})
}

func tracesOfTheDeleted(t *testing.T, h *house) {
	ctx := t.Context()
	m := h.mailbox(t, "INBOX")
	must(t, begin(ctx, m, 7))
	must(t, m.RecordTraced(ctx, set(t, "1:2"), []journal.Trace{
		{UID: 1, Looks: "a1"},
		{UID: 2, Looks: "b2"},
	}, false))
	must(t, m.Vacate(ctx, set(t, "1:2"), nil))
	must(t, m.RecordTraced(ctx, set(t, "1"), []journal.Trace{{UID: 1, Looks: "again"}}, false))
	same(t, "sets", sets(m), "done 1:2, vacant 2, delivered 1, pending 1")
	h.reopen(t)
	m = h.mailbox(t, "INBOX")
	same(t, "traces", fmt.Sprint(m.Traces(set(t, "1:9"))), "map[1:again 2:b2]")
	same(t, "no trace", fmt.Sprint(m.Traces(set(t, "3"))), "map[]")

	var many []journal.Trace
	for uid := range uint32(3000) {
		many = append(many, journal.Trace{UID: uid + 1, Looks: "x"})
	}
	fold := func() {
		for range 20 {
			must(t, begin(ctx, m, 7))
			must(t, m.Reopen(ctx, set(t, "5000"))) // not the same again: that would make no row of its own
			must(t, m.Vacate(ctx, set(t, "5000"), nil))
			must(t, m.End(ctx, 9))
		}
		h.reopen(t)
		m = h.mailbox(t, "INBOX")
	}
	must(t, begin(ctx, m, 7))
	must(t, m.RecordTraced(ctx, set(t, "1:3000"), many, false))
	fold()
	got := m.Traces(set(t, "1:3000"))
	same(t, "the last traces are kept", len(got), 2000)
	same(t, "the last one", got[3000], "x")
	h.days(31)
	fold()
	same(t, "traces after a month", len(m.Traces(set(t, "1:3000"))), 0)
}

// withoutLast takes from a journal what version 4 of its schema has brought.
const withoutLast = `ALTER TABLE mailbox DROP COLUMN last_what; ALTER TABLE mailbox DROP COLUMN last_at;
	ALTER TABLE mailbox DROP COLUMN last_uids`

// A journal of version 2, which has no census, is brought up to date; its checksums hold.
func TestVersion2(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.Open(ctx, path)
	must(t, err)
	m, err := j.Mailbox(ctx, "ann", "INBOX")
	must(t, err)
	must(t, begin(ctx, m, 7))
	var odd journal.Set // too long a text for the head, where version 2 had no row
	for uid := uint32(1); uid < 300; uid += 2 {
		odd.Add(uid)
	}
	must(t, m.Record(ctx, odd, false, false))
	must(t, m.End(ctx, 6))
	must(t, j.Close())
	execSQL(t, path, `ALTER TABLE mailbox DROP COLUMN first; ALTER TABLE mailbox DROP COLUMN settled;
		ALTER TABLE mailbox DROP COLUMN looked; `+withoutLast+`; PRAGMA user_version=2`)
	j, err = journal.Open(ctx, path)
	must(t, err)
	m, err = j.Mailbox(ctx, "ann", "INBOX")
	must(t, err)
	same(t, "record", m.Delivered().String(), odd.String())
	same(t, "census", m.Census(), journal.Census{})
	must(t, j.Close())
}

// A census that was changed on the disk is noticed, as anything else in a record is.
func TestChangedCensusIsNoticed(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.Open(ctx, path)
	must(t, err)
	m, err := j.Mailbox(ctx, "ann", "INBOX")
	must(t, err)
	must(t, begin(ctx, m, 7))
	m.SetCensus(journal.Census{First: 1, Settled: 2, Looked: 3})
	must(t, m.End(ctx, 6))
	must(t, j.Close())
	execSQL(t, path, "UPDATE mailbox SET settled=9")
	j, err = journal.Open(ctx, path)
	must(t, err)
	if _, err := j.Mailbox(ctx, "ann", "INBOX"); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("error %v", err)
	}
	must(t, j.Close())
}
