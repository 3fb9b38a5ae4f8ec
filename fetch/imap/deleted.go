package imap

import (
	"context"
	"errors"
	"io"

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
	if !known || it.Body == nil || it.Err != nil || !fetch.SameLooks(looks, it.Looks()) {
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

// headersPage is the number of messages whose headers are asked for at once.
const headersPage = 100

// fates are what has become of messages that were delivered and are about to be deleted.
type fates struct {
	replaced journal.Set // their UIDs belong to other messages now
	gone     journal.Set
	unclear  journal.Set // the server lists a message under the UID, and does not show its header
}

// fatesOf looks at messages before they are deleted once more: the server may have deleted them before the
// connection was lost, and have given their UIDs to the next ones (GNU Mailutils). looks is what they looked
// like.
func (s *session) fatesOf(looks map[uint32]string) (f fates, err error) {
	err = s.headerPages(uidsOf(looks), func(part journal.Set, now map[uint32]string) {
		f.compare(part, looks, now)
	})
	if err != nil {
		return f, err
	}

	there, err := s.remaining(f.unclear)
	f.gone, f.unclear = f.unclear.Minus(there), there
	return f, err
}

// compare adds those of uids that do not look now as they did before. An empty header shows nothing, but
// where the message was empty before.
func (f *fates) compare(uids journal.Set, before, now map[uint32]string) {
	for uid, looks := range before {
		switch is := now[uid]; {
		case !uids.Contains(uid), fetch.SameLooks(looks, is):
		case is == "" || is == emptyLooks:
			f.unclear.Add(uid)
		default:
			f.replaced.Add(uid)
		}
	}
}

// emptyLooks is fetch.Item.Looks of a message of no bytes.
var emptyLooks = (&fetch.Item{Body: delivery.NewSpool(delivery.SpoolOptions{})}).Looks()

func uidsOf(looks map[uint32]string) (uids journal.Set) {
	for uid := range looks {
		uids.Add(uid)
	}
	return uids
}

// headerItems are what is compared to tell messages apart.
var headerItems = &imap.FetchOptions{
	UID: true, RFC822Size: true,
	BodySection: []*imap.FetchItemBodySection{{Specifier: imap.PartSpecifierHeader, Peek: true}},
}

// headerPages asks what messages look like, in pages whose sets of UIDs fit into the line of a command. It
// calls do with the UIDs of each page and what headers says of them, which may lack some.
func (s *session) headerPages(uids journal.Set, do func(part journal.Set, looks map[uint32]string)) error {
	for !uids.IsEmpty() {
		size := min(headersPage, s.guard.messageLimit())
		part, rest := headText(uids, uint64(size))

		looks, err := s.headers(part)
		if err != nil {
			return err
		}
		if min(headersPage, s.guard.messageLimit()) < size { // it has just said that the page was too large
			continue
		}

		do(part, looks)
		uids = rest
	}
	return nil
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

// headerLooks is fetch.Item.Looks of a message of which the header alone comes; "" if that is empty, and the
// server does not list the message as empty.
func headerLooks(msg *imapclient.FetchMessageData) (uid uint32, looks string, err error) {
	it := &fetch.Item{Body: delivery.NewSpool(delivery.SpoolOptions{}), Size: -1}
	defer it.Body.Release()
	headers := 0

	for data := msg.Next(); data != nil; data = msg.Next() {
		switch data := data.(type) {
		case imapclient.FetchItemDataUID:
			it.Num = uint32(data.UID)
		case imapclient.FetchItemDataRFC822Size:
			it.Size = data.Size
		case imapclient.FetchItemDataBodySection:
			if data.Literal == nil || !isHeader(data.Section) {
				continue
			}

			headers++
			if n, err := io.Copy(it.Body, data.Literal); err != nil || n != data.Literal.Size() {
				return 0, "", errors.Join(io.ErrUnexpectedEOF, err)
			}
		}
	}

	_ = it.Body.Close()
	if it.Body.Size() == 0 && (headers == 0 || it.Size != 0) {
		return it.Num, "", nil
	}

	return it.Num, it.Looks(), nil
}

// checkPending looks at what earlier retrievals have delivered and could not delete. A UID that belongs to
// another message by now makes that one new. It returns those that are to be deleted: not a message of which
// the server shows no header, since it may be another one, which would be lost.
func (m *mailbox) checkPending(ctx context.Context, v *view) (journal.Set, error) {
	pending := m.rec.Pending()
	if !m.forgets() { // only deleted messages free their UIDs for others
		return pending, nil
	}

	looks, f := m.rec.Traces(pending), fates{}
	var err error
	if v.most > 0 {
		f, err = m.s.fatesOf(looks)
	} else {
		// Nothing is sent for them, as the number may be wrong; one that turns up is looked at then.
		f.gone = uidsOf(looks)
	}
	if err != nil {
		return pending, err
	}

	if n := f.replaced.Len(); n > 0 {
		m.s.a.Log.Warn(fetch.EventReused, "account", m.s.a.Name, "mailbox", m.name, "count", n)
		// They are counted as new from here on, and no longer among those with which nothing is to be done.
		v.found.AddSet(f.replaced)
		m.standing.found = v.found
		m.settled -= min(m.settled, n)
	}

	left := f.replaced
	left.AddSet(f.gone)
	return pending.Minus(left).Minus(f.unclear), m.vacate(ctx, left)
}
