package imap

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// deleted are messages that the server was told to delete. It may give their UIDs to others, or bring them
// back.
type deleted struct {
	// the looks of messages that an earlier retrieval deleted and whose UIDs are in use again
	before map[uint32]string
	back   journal.Set // those of them that look the same now
	uids   journal.Set // those whose deletion the server has confirmed
}

// traces are the looks of delivered messages that are to be deleted.
func traces(items []*fetch.Item) []journal.Trace {
	var out []journal.Trace
	for _, it := range items {
		if looks := it.Looks(); looks != "" {
			out = append(out, journal.Trace{UID: it.Num, Looks: looks})
		}
	}
	return out
}

// returned tells whether a message was delivered and deleted before. It is then deleted again.
func (d *deleted) returned(it *fetch.Item) bool {
	// A UID alone proves nothing, and a wrong yes would lose a new message: the size and the header decide.
	looks, known := d.before[it.Num]
	if !known || it.Body == nil || it.Err != nil || !sameLooks(looks, it.Looks()) {
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

// deleteBack makes sure that messages that came back are deleted again and not delivered.
func (m *mailbox) deleteBack(ctx context.Context) error {
	back := m.deleted.back
	if back.IsEmpty() {
		return nil
	}
	m.acks.gather.AddSet(back)

	// Durably: they are deleted next, and must not pass for new if the connection is lost before the answer.
	return fetch.Fail(fetch.KindJournal, m.rec.Record(ctx, back, true, true))
}

// statusRoom is how many bytes a message may grow or shrink on the server: GNU Mailutils writes Status, X-UID
// and the like into it.
const statusRoom = 1 << 10

// sameLooks compares the looks of messages: size and digest of the header.
func sameLooks(a, b string) bool {
	sizeA, digestA, _ := strings.Cut(a, ".")
	sizeB, digestB, _ := strings.Cut(b, ".")
	// Both were made by Item.Looks, so they always parse.
	before, _ := strconv.ParseInt(sizeA, 10, 64)
	now, _ := strconv.ParseInt(sizeB, 10, 64)
	return digestA == digestB && max(before-now, now-before) <= statusRoom
}

// headersPage is the number of messages whose headers are asked for at once.
const headersPage = 100

// findReplaced finds those of uids, which were delivered and are about to be deleted, that now belong to
// another message: the server may have deleted the first one before the connection was lost, and have given
// its UID to the next one (GNU Mailutils).
func (m *mailbox) findReplaced(uids journal.Set) (journal.Set, error) {
	var out journal.Set
	looks := m.rec.Traces(uids)
	known := journal.Set{}
	for uid := range looks {
		known.Add(uid)
	}

	for !known.IsEmpty() {
		// In pages, whose sets of UIDs fit into the line of a command.
		var part journal.Set
		part, known = headText(known, uint64(min(headersPage, m.s.guard.messageLimit())))
		now, err := m.s.headers(part)
		if err != nil {
			return out, err
		}
		for uid, is := range now {
			// A server may send what nobody asked for, or an empty header: neither shows that it is another
			// message.
			if part.Contains(uid) && is != "" && !sameLooks(looks[uid], is) {
				out.Add(uid)
			}
		}
	}

	return out, nil
}

// headerItems are what is compared to tell messages apart.
var headerItems = &imap.FetchOptions{
	UID: true, RFC822Size: true,
	BodySection: []*imap.FetchItemBodySection{{Specifier: imap.PartSpecifierHeader, Peek: true}},
}

// headers asks what messages look like, fetch.Item.Looks, without their bodies.
func (s *session) headers(uids journal.Set) (map[uint32]string, error) {
	out := map[uint32]string{}
	cmd := s.client.Fetch(uidSet(uids), headerItems)
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		uid, looks, err := headerLooks(msg)
		// imapclient's reader goes on as soon as a literal fails, and Close would read beside it
		if err != nil {
			_ = s.conn.Break(err)
			<-s.client.Closed()
			_ = cmd.Close()
			return nil, s.failed("fetch headers", err)
		}
		out[uid] = looks
	}

	if err := cmd.Close(); err != nil {
		return nil, s.failed("fetch headers", err)
	}

	return out, nil
}

// headerLooks is fetch.Item.Looks of a message of which the header alone comes.
func headerLooks(msg *imapclient.FetchMessageData) (uid uint32, looks string, err error) {
	it := &fetch.Item{Body: delivery.NewSpool(delivery.SpoolOptions{})}
	defer it.Body.Release()
	for data := msg.Next(); data != nil; data = msg.Next() {
		switch data := data.(type) {
		case imapclient.FetchItemDataUID:
			it.Num = uint32(data.UID)
		case imapclient.FetchItemDataRFC822Size:
			it.Size = data.Size
		case imapclient.FetchItemDataBodySection:
			if data.Literal == nil {
				continue
			}
			if n, err := io.Copy(it.Body, data.Literal); err != nil || n != data.Literal.Size() {
				return 0, "", errors.Join(io.ErrUnexpectedEOF, err)
			}
		}
	}

	_ = it.Body.Close()
	if it.Body.Size() == 0 {
		return it.Num, "", nil
	}

	return it.Num, it.Looks(), nil
}

// releaseReplaced removes from pending, the messages that are to be deleted, the UIDs that now belong to
// other messages, and makes those messages new. It returns the rest.
func (m *mailbox) releaseReplaced(ctx context.Context, v *view, pending journal.Set) (journal.Set, error) {
	// Only deleted messages free their UIDs for others.
	if v.most == 0 || !m.forgets() {
		return pending, nil
	}
	others, err := m.findReplaced(pending)
	if err != nil || others.IsEmpty() {
		return pending, err
	}
	m.s.a.Log.Warn(fetch.EventReused, "account", m.s.a.Name, "mailbox", m.name, "count", others.Len())
	// They are counted as new from here on, and no longer among those with which nothing is to be done.
	v.found.AddSet(others)
	m.standing.found = v.found
	m.settled -= min(m.settled, others.Len())
	return pending.Minus(others), m.vacate(ctx, others)
}
