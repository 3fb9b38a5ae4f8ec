package imap

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// record is what a mailbox needs of the journal.
type record interface {
	UIDValidity() uint32
	Start(ctx context.Context, uidValidity uint32) error
	Restart()
	Claim(ctx context.Context) error
	Repeat() bool
	UIDNext() uint32
	Done() journal.Set
	Pending() journal.Set
	Delivered() journal.Set
	Adopt(ctx context.Context, uids journal.Set) error
	Record(ctx context.Context, uids journal.Set, pending, durable bool) error
	Acknowledged(ctx context.Context, uids journal.Set) error
	Sync(ctx context.Context) error
	End(ctx context.Context, uidNext uint32) error
}

// mailbox implements fetch.Mailbox.
type mailbox struct {
	s        *session
	name     string
	rec      record
	validity uint32
	readOnly bool
	uidNext  uint32
	counts   fetch.Counts

	todo    journal.Set // to be retrieved
	flushed journal.Set // to be deleted because the user said so: too large, or kept by an earlier retrieval
	acks    acks

	mu sync.Mutex // guards n, the order of what is put into the queue
	n  int
}

// Open implements fetch.Session.
func (s *session) Open(ctx context.Context, name string) (fetch.Mailbox, error) {
	rec, err := s.a.Journal.Mailbox(ctx, s.a.Key, name)
	if err != nil {
		return nil, fetch.Fail(fetch.KindJournal, err)
	}
	m := &mailbox{s: s, name: name, rec: rec}
	if s.last != nil {
		s.last.abandon()
	}
	s.last = m
	m.readOnly = s.a.Keep && !s.a.MarkSeen && s.a.MoveTo == "" && !s.a.Flush && !s.a.LimitFlush
	found, err := m.look(ctx)
	if err != nil {
		return nil, err
	}
	return m, m.plan(ctx, found)
}

// view is what the server shows of a mailbox.
type view struct {
	messages uint32
	uidNext  uint32
	found    journal.Set // what may be new
	large    journal.Set // of these larger than the account's limit
}

// selectFailed is failed for a mailbox that can't be selected, most likely for its name.
func (s *session) selectFailed(name string, err error) error {
	failed := s.failed("select "+s.conn.Quoted([]byte(name)), err)
	if fetch.KindOf(failed) == fetch.KindServer && name != "INBOX" {
		failed = fmt.Errorf("%w; hint: check folder in the rc file", failed)
	}
	return failed
}

// look selects the mailbox and searches it; both commands travel together. On a connection where it is selected already
// the search alone does, behind a NOOP for servers that look for new mail only then.
func (m *mailbox) look(ctx context.Context) (view, error) {
	s := m.s
	select { // what changed before this look will be seen by it
	case <-s.changed:
	default:
	}
	if s.mailbox == m.name && m.rec.UIDValidity() == s.guard.selectedValidity() {
		return m.lookAgain(ctx)
	}
	s.mailbox = ""
	s.guard.expectValidity(0)
	selected := s.client.Select(m.name, &imap.SelectOptions{ReadOnly: m.readOnly})
	first := s.startSearch(m.rec)
	data, err := selected.Wait()
	found, large, serr := first.wait()
	if err != nil {
		return view{}, s.selectFailed(m.name, err)
	}
	if data.UIDValidity == 0 {
		return view{}, s.broken(fmt.Errorf("select %s: server gives no UIDVALIDITY; hint: use POP3 with this server", s.conn.Quoted([]byte(m.name))))
	}
	known := m.rec.UIDValidity()
	m.validity = data.UIDValidity
	if err := m.rec.Start(ctx, m.validity); err != nil {
		return view{}, fetch.Fail(fetch.KindJournal, err)
	}
	if known != 0 && known != m.validity {
		s.a.Log.Warn(fetch.EventRenumbered, "account", s.a.Name, "mailbox", m.name, "old", known, "new", m.validity)
		first = s.startSearch(m.rec)
		found, large, serr = first.wait()
	}
	if serr == nil && m.rewound(uint32(data.UIDNext), found) {
		s.a.Log.Warn(fetch.EventRewound, "account", s.a.Name, "mailbox", m.name, "next", data.UIDNext, "known", m.rec.Done().Max())
		m.rec.Restart()
		first = s.startSearch(m.rec)
		found, large, serr = first.wait()
	}
	if serr != nil {
		return view{}, serr
	}
	s.mailbox = m.name
	s.guard.expectValidity(m.validity)
	return view{data.NumMessages, uint32(data.UIDNext), found, large}, nil
}

// rewound tells whether the server is about to give out UIDs again that the journal knows, as after a backup was put back
// without a new UIDVALIDITY (which RFC 9051 section 2.3.1.1 demands): new mail would pass for old. found names the last
// message there is; one beyond uidNext shows that uidNext is not to be believed.
func (m *mailbox) rewound(uidNext uint32, found journal.Set) bool {
	return uidNext != 0 && uidNext <= m.rec.Done().Max() && found.Max() < uidNext
}

// aliveTimeout is how long a kept connection may take to answer: after a suspend or on another network it may be dead
// without a word, and a new one is soon made.
const aliveTimeout = 20 * time.Second

func (m *mailbox) lookAgain(ctx context.Context) (view, error) {
	m.validity = m.rec.UIDValidity()
	if err := m.rec.Start(ctx, m.validity); err != nil {
		return view{}, fetch.Fail(fetch.KindJournal, err)
	}
	noop := m.s.client.Noop()
	search := m.s.startSearch(m.rec)
	m.s.guard.patience(min(aliveTimeout, m.s.a.Timeout))
	err := noop.Wait()
	m.s.guard.patience(0)
	found, large, serr := search.wait()
	if err != nil {
		return view{}, m.s.failed("noop", err)
	}
	if serr != nil {
		return view{}, serr
	}
	v := view{uidNext: m.rec.UIDNext(), found: found, large: large}
	if box := m.s.client.Mailbox(); box != nil {
		v.messages = box.NumMessages
	}
	return v, nil
}

// plan decides what to do with what was found.
func (m *mailbox) plan(ctx context.Context, v view) error {
	a := m.s.a
	done, pending := m.rec.Done(), m.rec.Pending()
	m.todo = v.found.Minus(pending)
	m.uidNext = v.uidNext
	if !a.FetchAll {
		m.todo = m.todo.Minus(done)
		if err := m.adopt(ctx, v, done); err != nil {
			return err
		}
	}
	if err := m.oversized(m.todo.And(v.large)); err != nil {
		return err
	}
	if err := m.flush(pending); err != nil {
		return err
	}
	m.todo = m.todo.Minus(m.flushed)
	m.counts.Messages = int(v.messages)
	m.counts.Seen = max(0, int(v.messages)-int(m.todo.Len()))
	m.counts.New = int(m.todo.Len())
	m.acks.pending = pending
	return nil
}

// Limit implements fetch.Mailbox.
func (m *mailbox) Limit(n int) {
	m.todo, _ = m.todo.Head(uint64(n))
	m.counts.New = int(m.todo.Len())
}

// Leave implements fetch.Leaver.
func (m *mailbox) Leave(messages []fetch.Ref) {
	var left journal.Set
	for _, ref := range messages {
		uid, err := strconv.ParseUint(ref.UID, 10, 32)
		if err == nil && ref.UIDValidity == m.validity {
			left.Add(uint32(uid))
		}
	}
	before := m.todo.Len()
	m.todo = m.todo.Minus(left)
	m.counts.Seen += int(before - m.todo.Len())
	m.counts.New = int(m.todo.Len())
}

// Only implements fetch.Leaver.
func (m *mailbox) Only(message fetch.Ref) {
	var only journal.Set
	uid, err := strconv.ParseUint(message.UID, 10, 32)
	if err == nil && message.UIDValidity == m.validity && m.todo.Contains(uint32(uid)) {
		only.Add(uint32(uid))
	}
	m.todo, m.counts.New = only, int(only.Len())
}

// adopt records as done what the search has shown not to be new: at first contact what is \Seen, later the UIDs between
// those found, which no message has any more. So what is not done stays a small set, however large the mailbox is.
func (m *mailbox) adopt(ctx context.Context, v view, done journal.Set) error {
	last := v.found.Max()
	if v.uidNext > 0 { // what the server says of UIDs that it has not given out yet is not to be believed
		last = min(last, v.uidNext-1)
	}
	if isFirst(m.rec) {
		if err := m.confirm(v); err != nil {
			return err
		}
		last = v.uidNext - 1
		if v.uidNext == 0 { // an old server
			all, err := m.s.searched(m.s.sendSearch(&imap.SearchCriteria{}))
			if err != nil {
				return err
			}
			last = all.Max()
		}
	}
	var old journal.Set
	old.AddRange(1, last)
	old = old.Minus(done).Minus(v.found)
	if old.IsEmpty() && !isFirst(m.rec) {
		return nil
	}
	return fetch.Fail(fetch.KindJournal, m.rec.Adopt(ctx, old)) // an empty set too makes the mailbox known
}

// confirm makes sure that those which the first search did not find are indeed \Seen: they are taken for old, for good.
// RFC 9051 section 6.4.4 demands a result, but not of a server that found nothing, and some give it in part.
func (m *mailbox) confirm(v view) error {
	if v.found.Len() >= uint64(v.messages) {
		return nil
	}
	named, err := m.s.searched(m.s.sendSearch(&imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}}))
	if err != nil {
		return err
	}
	there := v.messages
	if box := m.s.client.Mailbox(); box != nil { // some may be gone meanwhile
		there = min(there, box.NumMessages)
	}
	if named.AddSet(v.found); named.Len() < uint64(there) {
		return m.s.broken(fmt.Errorf("server has %d messages here, and names %d in its results of searches for those seen and not seen; "+
			"hint: if it always does, use POP3 with this server", there, named.Len()))
	}
	return nil
}

// isFirst tells whether no retrieval of this mailbox has got so far as to know what is old in it.
func isFirst(rec record) bool { return rec.Done().IsEmpty() && rec.UIDNext() == 0 }

// flush plans to delete what earlier retrievals delivered and kept.
func (m *mailbox) flush(pending journal.Set) error {
	if !m.s.a.Flush {
		return nil
	}
	there, err := m.s.exists(m.rec.Delivered().Minus(pending))
	m.flushed.AddSet(there)
	return err
}

// oversized takes what is too large out of the plan, and asks for the sizes to tell the user.
func (m *mailbox) oversized(large journal.Set) error {
	if large.IsEmpty() {
		return nil
	}
	m.todo = m.todo.Minus(large)
	if m.s.a.LimitFlush {
		m.flushed = large
	}
	for !large.IsEmpty() {
		var part journal.Set
		part, large = headText(large, 500)
		msgs, err := m.s.client.Fetch(uidSet(part), &imap.FetchOptions{UID: true, RFC822Size: true}).Collect()
		if err != nil {
			return m.s.failed("fetch sizes", err)
		}
		for _, msg := range msgs {
			m.counts.Oversized = append(m.counts.Oversized, &fetch.Item{Num: uint32(msg.UID),
				UID: strconv.FormatUint(uint64(msg.UID), 10), UIDValidity: m.validity, Size: msg.RFC822Size})
		}
	}
	return nil
}

// Counts implements fetch.Mailbox.
func (m *mailbox) Counts() fetch.Counts { return m.counts }

// Record implements fetch.Mailbox. Only what the server will forget must survive a power failure before that; a kept
// message that is delivered twice is no loss.
func (m *mailbox) Record(ctx context.Context, items []*fetch.Item) error {
	var set journal.Set
	for _, it := range items {
		set.Add(it.Num)
	}
	return fetch.Fail(fetch.KindJournal, m.rec.Record(ctx, set, !m.readOnly, m.forgets()))
}

// forgets tells whether an acknowledged message is gone from this mailbox.
func (m *mailbox) forgets() bool { return !m.s.a.Keep || m.s.a.MoveTo != "" }

// Skip implements fetch.Mailbox.
func (m *mailbox) Skip(ctx context.Context, items []*fetch.Item) error {
	var set journal.Set
	for _, it := range items {
		set.Add(it.Num)
	}
	return fetch.Fail(fetch.KindJournal, m.rec.Adopt(ctx, set))
}

// Commit implements fetch.Mailbox.
func (m *mailbox) Commit(ctx context.Context) (int, error) {
	deleted, err := m.settle(ctx)
	if err != nil {
		return deleted, err
	}
	return deleted, fetch.Fail(fetch.KindJournal, m.rec.End(ctx, max(1, m.uidNext)))
}
