package imap

import (
	"context"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// deleted are messages that the server was told to delete. It may give their UIDs to others, or bring them back.
type deleted struct {
	traces []journal.Trace   // of what was delivered now
	before map[uint32]string // how those looked that an earlier retrieval deleted, and whose UIDs are in use again
	back   journal.Set       // of these, those that look the same
	uids   journal.Set       // the server has confirmed that they are gone
}

// note takes down what a delivered message looks like.
func (d *deleted) note(it *fetch.Item) {
	if len(d.traces) > 2*journal.MaxTraces {
		d.traces = append(d.traces[:0], d.traces[len(d.traces)-journal.MaxTraces:]...)
	}
	if it.Body != nil {
		d.traces = append(d.traces, journal.Trace{UID: it.Num, Looks: it.Looks()})
	}
}

// expect says which messages may come that were deleted already.
func (d *deleted) expect(before map[uint32]string) { d.before = before }

// returned tells whether a message is one that was delivered and deleted already. It is deleted again.
func (d *deleted) returned(it *fetch.Item) bool {
	looks, known := d.before[it.Num]
	if !known || it.Body == nil || it.Err != nil || looks != it.Looks() {
		return false
	}
	d.back.Add(it.Num)
	return true
}

// vacateDeleted records what the server has confirmed to be deleted.
func (m *mailbox) vacateDeleted(ctx context.Context, uids journal.Set) error {
	if uids.IsEmpty() {
		return nil
	}
	m.deleted.uids.AddSet(uids)
	var of []journal.Trace
	for _, t := range m.deleted.traces {
		if uids.Contains(t.UID) {
			of = append(of, t)
		}
	}
	return fetch.Fail(fetch.KindJournal, m.rec.Vacate(ctx, uids, of))
}

// Returned implements fetch.Returner.
func (m *mailbox) Returned() int { return int(m.deleted.back.Len()) }

// deleteBack sees to it that messages which came back are deleted again, and not delivered.
func (m *mailbox) deleteBack(ctx context.Context) error {
	back := m.deleted.back
	if back.IsEmpty() {
		return nil
	}
	m.acks.gather.AddSet(back)
	return fetch.Fail(fetch.KindJournal, m.rec.Record(ctx, back, true, true))
}
