package imap

import (
	"context"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// deleted are messages that the server was told to delete. It may give their UIDs to others, or bring them back.
type deleted struct {
	before map[uint32]string // how those looked that an earlier retrieval deleted, and whose UIDs are in use again
	back   journal.Set       // of these, those that look the same
	uids   journal.Set       // the server has confirmed that they are gone
}

// traces are what delivered messages look like that are to be deleted.
func traces(items []*fetch.Item) []journal.Trace {
	var out []journal.Trace
	for _, it := range items {
		if looks := it.Looks(); looks != "" {
			out = append(out, journal.Trace{UID: it.Num, Looks: looks})
		}
	}
	return out
}

// recordDeleted records messages that are to be deleted, but for stand-ins: what they stand for is all that there is.
func (m *mailbox) recordDeleted(ctx context.Context, items []*fetch.Item, uids journal.Set) error {
	var stay journal.Set
	for _, it := range items {
		if it.IsStandIn() {
			stay.Add(it.Num)
		}
	}
	m.acks.stay.AddSet(stay)
	if err := m.rec.RecordTraced(ctx, uids.Minus(stay), traces(items), true); err != nil || stay.IsEmpty() {
		return err
	}
	m.s.a.Log.Warn(fetch.EventStandIn, "account", m.s.a.Name, "mailbox", m.name, "count", stay.Len())
	return m.rec.Record(ctx, stay, false, true)
}

// returned tells whether a message is one that was delivered and deleted already. It is deleted again.
func (d *deleted) returned(it *fetch.Item) bool {
	looks, known := d.before[it.Num]
	if !known || it.Body == nil || it.Err != nil || !alike(looks, it.Looks()) {
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
	return m.vacate(ctx, uids)
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

// statusRoom is by how much a message may grow or shrink while it lies on the server: GNU Mailutils writes Status, X-UID
// and the like into it.
const statusRoom = 1 << 10

// alike compares the looks of messages: size and digest of the header.
func alike(a, b string) bool {
	sizeA, digestA, _ := strings.Cut(a, ".")
	sizeB, digestB, _ := strings.Cut(b, ".")
	before, _ := strconv.ParseInt(sizeA, 10, 64)
	now, _ := strconv.ParseInt(sizeB, 10, 64)
	return digestA == digestB && max(before-now, now-before) <= statusRoom
}

// headersPage is for how many messages the headers are asked for at once.
const headersPage = 100

// others finds those of uids, delivered and about to be deleted, that are another message's by now: the server may have
// deleted the first one before the connection was lost, and have given its UID to the next (GNU Mailutils).
func (m *mailbox) others(uids journal.Set) (journal.Set, error) {
	var out journal.Set
	looks := m.rec.Traces(uids)
	known := journal.Set{}
	for uid := range looks {
		known.Add(uid)
	}
	for !known.IsEmpty() {
		var part journal.Set
		part, known = headText(known, uint64(min(headersPage, m.s.guard.messageLimit())))
		msgs, err := m.s.client.Fetch(uidSet(part), headerItems).Collect()
		if err != nil {
			return out, m.s.failed("fetch headers", err)
		}
		for _, msg := range msgs {
			uid := uint32(msg.UID)
			if part.Contains(uid) && len(msg.BodySection) == 1 && !alike(looks[uid], headerLooks(msg)) {
				out.Add(uid)
			}
		}
	}
	return out, nil
}

// headerItems are what tells messages apart.
var headerItems = &imap.FetchOptions{
	UID: true, RFC822Size: true,
	BodySection: []*imap.FetchItemBodySection{{Specifier: imap.PartSpecifierHeader, Peek: true}},
}

// headerLooks is fetch.Item.Looks of a message of which the header alone is there.
func headerLooks(msg *imapclient.FetchMessageBuffer) string {
	it := &fetch.Item{Size: msg.RFC822Size, Body: delivery.NewSpool(delivery.SpoolOptions{})}
	defer it.Body.Release()
	_, _ = it.Body.Write(msg.BodySection[0].Bytes) // it is in memory
	_ = it.Body.Close()
	return it.Looks()
}

// unpend makes new what is another message's by now, of those that are to be deleted. It returns the others.
func (m *mailbox) unpend(ctx context.Context, v *view, pending journal.Set) (journal.Set, error) {
	if v.most == 0 || !m.forgets() {
		return pending, nil
	}
	others, err := m.others(pending)
	if err != nil || others.IsEmpty() {
		return pending, err
	}
	v.found.AddSet(others)
	m.standing.found = v.found
	m.there -= min(m.there, others.Len())
	return pending.Minus(others), m.vacate(ctx, others)
}
