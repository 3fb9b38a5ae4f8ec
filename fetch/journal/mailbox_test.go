package journal_test

import (
	"fmt"
	"math"
	"testing"

	"fetchd/fetch/journal"
)

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
