package pop3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/journal"
	"fetchd/tlsverify/hints"
)

// maildrop is a fetch.Mailbox: the messages that the server lists, sorted by what is to be done with them.
type maildrop struct {
	s       *session
	record  *journal.Maildrop
	listing *listing
	counts  fetch.Counts
	todo    []int32 // numbers of the messages to retrieve

	suspects

	mu      sync.Mutex
	deletes []deletion     // to be sent by Commit
	hashes  map[string]int // how often this content was seen in messages without a UIDL
}

// deletion is a message to be deleted on the server.
type deletion struct {
	num int
	uid string
}

// Open implements fetch.Session.
func (s *session) Open(ctx context.Context, _ string) (fetch.Mailbox, error) {
	defer s.c.Bind(ctx)()
	if s.ended {
		return nil, fetch.Fail(fetch.KindNetwork,
			errors.New("the session has ended; POP3 shows new mail only to a new one"))
	}

	together, err := s.askList()
	if err != nil {
		return nil, s.listFailed(ctx, err)
	}

	// While the server prepares its answers: both may take a while with many messages.
	record, err := s.a.Journal.Maildrop(ctx, s.a.Key)
	if err == nil {
		err = record.Start(ctx)
	}
	if err != nil {
		// Broken, as there are answers on their way that nobody will read.
		return nil, s.c.Break(fetch.Fail(fetch.KindJournal, err))
	}

	listing, err := s.list(record, together)
	if err != nil {
		return nil, s.listFailed(ctx, err)
	}
	s.together = false
	if s.a.Keep && !listing.uidl && len(listing.rows) > 0 {
		return nil, fetch.Fail(fetch.KindConfig,
			hints.Errorf("write \"nokeep\", or use IMAP",
				"\"keep\" needs UIDL, which this server does not have:"+
					" what was delivered could not be told from what is new"))
	}

	// Else they would be deleted. It is known only now where the protocol is found out.
	if s.a.MoveTo != "" {
		return nil, fetch.Fail(fetch.KindConfig, hints.Errorf("remove moveto, or use IMAP",
			"delivered messages can't be moved with POP3, which has no folders"))
	}

	m := &maildrop{s: s, record: record, listing: listing, hashes: make(map[string]int)}
	expired, err := m.expired(ctx)
	if err != nil {
		return nil, s.c.Break(err)
	}
	m.classifyRows(expired)
	if err := m.recognise(ctx); err != nil { // which may have written
		m.Release()
		return nil, err
	}
	return m, nil
}

// Release implements fetch.Releaser.
func (m *maildrop) Release() { m.record.Release() }

// expired are the UIDLs of messages that were delivered and kept for long enough.
func (m *maildrop) expired(ctx context.Context) (map[string]bool, error) {
	ages, err := m.s.a.Ages(ctx, "", 0)
	if ages == nil || err != nil {
		return nil, err
	}

	var uidls []string
	for i := range m.listing.rows {
		r := &m.listing.rows[i]
		if len(uidls) < fetch.AgesMost && r.done && !r.adopted && !r.pending && r.uidl != "" {
			uidls = append(uidls, r.uidl)
		}
	}

	old, err := ages.Expired(ctx, uidls, m.listing.messages())
	expired := make(map[string]bool, len(old))
	for _, uidl := range old {
		expired[uidl] = true
	}
	return expired, err
}

// classifyRows decides what happens to each message. Messages that an earlier retrieval delivered and could
// not delete are deleted now, unless the account now keeps mail, and so are those that are expired.
func (m *maildrop) classifyRows(expired map[string]bool) {
	a := m.s.a
	m.counts.Messages, m.counts.Octets = m.listing.messages(), m.listing.octets
	var unsure []int32
	for i := range m.listing.rows {
		num, r := i+1, &m.listing.rows[i]
		if r.left {
			continue
		}

		// The UIDL is of a message that was to be deleted, but the size is not: the server has given it away
		// again, unless it has written into the message.
		if r.pending && r.before > 0 && r.before != r.size && !m.suspect(num, r) {
			m.isAnother(r)
		}

		switch {
		// Even with the same size it may be another message: its header is looked at before it is deleted.
		case r.pending && (!a.Keep || a.Flush) && m.suspect(num, r):
			unsure = append(unsure, int32(num))
			continue
		case r.pending && (!a.Keep || a.Flush):
			m.deletes = append(m.deletes, deletion{num, r.uidl})
		// Adopted ones were never delivered: to delete them would lose mail.
		case r.done && (a.Flush || expired[r.uidl]) && !r.adopted:
			m.deletes = append(m.deletes, deletion{num, r.uidl})
		case r.done && !a.FetchAll:
		case a.Limit > 0 && r.size > a.Limit:
			m.counts.Oversized = append(m.counts.Oversized,
				&fetch.Item{Num: uint32(num), UID: r.uidl, Size: r.size})
			if a.LimitFlush {
				m.deletes = append(m.deletes, deletion{num: num})
			}
		default:
			m.todo = append(m.todo, int32(num))
			m.suspect(num, r)
			continue
		}

		if r.done {
			m.counts.Seen++
		}
	}

	m.todo = append(m.todo, unsure...) // behind what is new for certain
	m.counts.New = len(m.todo)
}

// Counts implements fetch.Mailbox.
func (m *maildrop) Counts() fetch.Counts { return m.counts }

// DeletesAtEnd implements fetch.Ender: QUIT deletes (RFC 1939 section 6).
func (m *maildrop) DeletesAtEnd() {}

// Limit implements fetch.Mailbox.
func (m *maildrop) Limit(n int) { m.todo = m.todo[:max(0, min(n, len(m.todo)))] }

// Leave implements fetch.Leaver.
func (m *maildrop) Leave(messages []fetch.Ref) {
	if len(messages) == 0 {
		return
	}
	left := named(messages)
	m.todo = slices.DeleteFunc(m.todo, func(num int32) bool { return left[m.listing.nameOf(num)] })
	m.counts.Seen += m.counts.New - len(m.todo)
	m.counts.New = len(m.todo)
}

// New implements fetch.Leaver.
func (m *maildrop) New(messages []fetch.Ref) (fresh []fetch.Ref) {
	asked := named(messages)
	for _, num := range m.todo {
		if name := m.listing.nameOf(num); asked[name] {
			fresh = append(fresh, fetch.Ref{UID: name})
		}
	}
	return fresh
}

// Only implements fetch.Leaver.
func (m *maildrop) Only(message fetch.Ref) {
	m.todo = slices.DeleteFunc(m.todo, func(num int32) bool { return m.listing.nameOf(num) != message.UID })
	m.counts.New = len(m.todo)
}

// contentPrefix begins the identity of a message that has no UIDL.
const contentPrefix = "sha256:"

// identify gives a message without a UIDL an identity by its content. It returns false if an earlier
// retrieval has delivered the message, which then only needs to be deleted. Copies with the same content are
// told apart by their order.
func (m *maildrop) identify(it *fetch.Item) (bool, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, it.Body.Open()); err != nil {
		return false, err
	}

	uid := contentPrefix + hex.EncodeToString(hash.Sum(nil))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hashes[uid]++
	// The order of a maildrop is stable within and mostly between sessions; if not, a copy comes twice at
	// most.
	if n := m.hashes[uid]; n > 1 {
		uid = fmt.Sprintf("%s/%d", uid, n)
	}

	it.UID = uid
	known := m.record.MarkListed([]byte(uid))
	m.listing.rows[it.Num-1].adopted = known.Adopted
	// A pending one is never retrieved again, even with fetchall: it is only still to be deleted.
	if !known.Done || m.s.a.FetchAll && !known.Pending {
		return true, nil
	}
	if !m.s.a.Keep && !known.Adopted {
		m.deletes = append(m.deletes, deletion{int(it.Num), uid})
	}

	return false, nil
}

// Record implements fetch.Mailbox. It returns once the record survives the end of the process. It need not be
// durable yet: nothing is deleted on the server before Commit, which first syncs all records at once.
func (m *maildrop) Record(ctx context.Context, items []*fetch.Item) error {
	uids, sizes, looks := make([]string, len(items)), make([]int64, len(items)), make([]string, len(items))
	for i, it := range items {
		uids[i], sizes[i] = it.UID, it.Size
		if !m.s.a.Keep && m.listing.rows[it.Num-1].uidl != "" { // content is its own identity
			looks[i] = it.Looks()
		}
	}
	if m.s.a.Keep {
		return fetch.Fail(fetch.KindJournal, m.record.Record(ctx, uids, false, false))
	}
	return fetch.Fail(fetch.KindJournal, m.record.RecordPending(ctx, uids, sizes, looks, false))
}

// Acknowledge implements fetch.Mailbox: unless mail is kept, the messages will be deleted by Commit.
func (m *maildrop) Acknowledge(_ context.Context, items []*fetch.Item) error {
	if m.s.a.Keep {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, it := range items {
		m.deletes = append(m.deletes, deletion{int(it.Num), it.UID})
	}
	return nil
}

// Doubt implements fetch.Doubter.
func (m *maildrop) Doubt() { m.record.Doubt() }

// InDoubt implements fetch.Doubter.
func (m *maildrop) InDoubt() bool { return m.record.Repeat() }

// Skip implements fetch.Mailbox.
func (m *maildrop) Skip(ctx context.Context, items []*fetch.Item) error {
	var uids []string
	for _, it := range items {
		if it.UID != "" { // without one there is nothing to remember it by
			uids = append(uids, it.UID)
		}
	}
	if len(uids) == 0 {
		return nil
	}
	return fetch.Fail(fetch.KindJournal, m.record.Adopt(ctx, uids))
}

// item makes the n-th item, from 1, of message num.
func (m *maildrop) item(n int, num int32) *fetch.Item {
	r := &m.listing.rows[num-1]
	it := &fetch.Item{N: n, Num: uint32(num), UID: r.uidl, Size: r.size, Repeat: m.record.Repeat()}
	if r.uidl == "" {
		it.Place = m.listing.place(num)
	}
	return it
}

// finish closes a spool that holds a complete body.
func finish(body *delivery.Spool, sink error) error {
	if sink == nil {
		sink = body.Close()
	}
	if sink != nil {
		body.Release()
	}
	return sink
}
