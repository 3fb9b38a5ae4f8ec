package imap

import (
	"context"
	"slices"
	"strconv"
	"sync"

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
	Doubt()
	UIDNext() uint32
	Done() journal.Set
	Pending() journal.Set
	Delivered() journal.Set
	Vacant() journal.Set
	Traces(uids journal.Set) map[uint32]string
	Census() journal.Census
	SetCensus(journal.Census)
	Vacate(ctx context.Context, uids journal.Set, of []journal.Trace) error
	Reopen(ctx context.Context, uids journal.Set) error
	RecordTraced(ctx context.Context, uids journal.Set, of []journal.Trace, durable bool) error
	Adopt(ctx context.Context, uids journal.Set) error
	Record(ctx context.Context, uids journal.Set, pending, durable bool) error
	Acknowledged(ctx context.Context, uids journal.Set) error
	Sync(ctx context.Context) error
	AddStaying(ctx context.Context, uids journal.Set) error
	Staying(ctx context.Context) (journal.Set, error)
	End(ctx context.Context, uidNext uint32) error
	Release()
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
	standing

	todo    journal.Set // to be retrieved
	old     journal.Set // adopted before it began
	flushed journal.Set // to be deleted because the user said so: too large, or kept by an earlier retrieval
	unsent  unsent
	acks    acks
	deleted deleted

	mu     sync.Mutex // guards what follows, and the order of what is put into the queue
	n      int
	doubts doubts
}

// Open implements fetch.Session.
func (s *session) Open(ctx context.Context, name string) (_ fetch.Mailbox, err error) {
	rec, err := s.a.Journal.Mailbox(ctx, s.a.Key, name)
	if err != nil {
		return nil, fetch.Fail(fetch.KindJournal, err)
	}

	defer func() {
		if err != nil {
			rec.Release()
		}
	}()

	m := &mailbox{s: s, name: name, rec: rec}
	// Before SELECT: commands that a failed retrieval has left under way would act on the new mailbox.
	if s.last != nil {
		s.last.abandon()
	}

	s.last = m
	// Before SELECT too, for the same reason; the answer is about all mailboxes.
	if err := s.learnSeparator(name); err != nil {
		return nil, err
	}
	// EXAMINE where nothing is changed, so that a mistake of ours can't change anything, and \Recent stays
	// for others.
	m.readOnly = s.a.Keep && !s.a.MarkSeen && s.a.MoveTo == "" && !s.a.Flush && !s.a.LimitFlush &&
		s.a.KeepDays == 0
	m.writable = m.rec.UIDValidity() == 0 // the first contact: see selectAndSearch
	found, err := m.selectAndSearch(ctx)
	if err != nil {
		return nil, err
	}

	err = m.plan(ctx, found)
	if s.shortSearches++; !m.counted.IsZero() || found.most == 0 {
		s.shortSearches = 0
	}

	return m, err
}

// Release implements fetch.Releaser.
func (m *mailbox) Release() { m.rec.Release() }

// plan decides what to do with the messages that were found.
func (m *mailbox) plan(ctx context.Context, v view) error {
	m.uidNext = v.uidNext
	// First what is new; then which of the pending messages are still what we think; then sizes and flush,
	// which take away from it.
	if err := m.survey(ctx, &v); err != nil {
		return err
	}

	deletable, err := m.checkPending(ctx, &v)
	if err != nil {
		return err
	}
	pending := m.rec.Pending()

	// A pending message was delivered, though it looks new to a search: it is only to be deleted.
	m.todo = v.found.Minus(pending)
	if v.flagged && m.s.a.Limit > 0 { // no search has told which of them are too large
		if v.large, err = m.s.larger(m.todo); err != nil {
			return err
		}
	}
	if err := m.oversized(m.todo.And(v.large)); err != nil {
		return err
	}
	if err := m.flush(pending); err != nil {
		return err
	}
	if err := m.expire(ctx, pending, int(v.most)); err != nil {
		return err
	}

	m.todo = m.todo.Minus(m.flushed)
	if m.s.a.FetchAll && m.forgets() {
		stay, err := m.rec.Staying(ctx)
		if err != nil {
			return fetch.Fail(fetch.KindJournal, err)
		}
		m.todo = m.todo.Minus(stay)
	}

	m.counts.Messages = int(v.most)
	// Messages may have come or gone meanwhile, so this can be less than nothing.
	m.counts.Seen = max(0, int(v.most)-int(m.todo.Len())-len(m.counts.Oversized))
	m.counts.New = int(m.todo.Len())
	m.acks.pending = deletable
	return nil
}

// Limit implements fetch.Mailbox.
func (m *mailbox) Limit(n int) {
	m.todo, _ = m.todo.Head(uint64(n))
	m.counts.New = int(m.todo.Len())
}

// Leave implements fetch.Leaver.
func (m *mailbox) Leave(messages []fetch.Ref) {
	before := m.todo.Len()
	m.todo = m.todo.Minus(m.uids(messages))
	m.counts.Seen += int(before - m.todo.Len())
	m.counts.New = int(m.todo.Len())
}

// New implements fetch.Leaver.
func (m *mailbox) New(messages []fetch.Ref) []fetch.Ref {
	return slices.DeleteFunc(slices.Clone(messages), func(ref fetch.Ref) bool {
		uid := m.uids([]fetch.Ref{ref})
		return uid.IsEmpty() || !m.todo.Contains(uid.Max())
	})
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

// flush plans to delete what earlier retrievals delivered and kept.
func (m *mailbox) flush(pending journal.Set) error {
	if !m.s.a.Flush {
		return nil
	}
	// Only what is still there: the journal knows UIDs of years, and the server should not be sent all of
	// them.
	there, err := m.s.remaining(m.rec.Delivered().Minus(pending))
	m.flushed.AddSet(there)
	return err
}

// expire plans to delete what was delivered and kept for long enough; messages is how many the mailbox holds.
func (m *mailbox) expire(ctx context.Context, pending journal.Set, messages int) error {
	ages, err := m.s.a.Ages(ctx, m.name, m.validity)
	if ages == nil || err != nil {
		return err
	}
	there, err := m.s.remaining(m.rec.Delivered().Minus(pending))
	if err != nil {
		return err
	}

	var uids []string
	there, _ = there.Head(fetch.AgesMost)
	for _, r := range there.Ranges() {
		for uid := uint64(r.First); uid <= uint64(r.Last); uid++ { // Last may be the greatest there is
			uids = append(uids, strconv.FormatUint(uid, 10))
		}
	}

	old, err := ages.Expired(ctx, uids, messages)
	for _, text := range old {
		uid, _ := strconv.ParseUint(text, 10, 32) // as just written
		m.flushed.Add(uint32(uid))
	}
	return err
}

// oversized takes messages that are too large out of the plan, and asks for their sizes, which the user is
// told.
func (m *mailbox) oversized(large journal.Set) error {
	if large.IsEmpty() {
		return nil
	}

	m.todo = m.todo.Minus(large)
	if m.s.a.LimitFlush {
		// Deleted unread, as limitflush says; they never were delivered, so no record of that is made.
		m.flushed = large
	}

	return m.s.sizes(large, func(uid uint32, size int64) {
		m.counts.Oversized = append(m.counts.Oversized, &fetch.Item{Num: uid,
			UID: strconv.FormatUint(uint64(uid), 10), UIDValidity: m.validity, Size: size})
	})
}

// larger asks which of uids are larger than the account's limit.
func (s *session) larger(uids journal.Set) (out journal.Set, err error) {
	err = s.sizes(uids, func(uid uint32, size int64) {
		if size > s.a.Limit {
			out.Add(uid)
		}
	})
	return out.And(uids), err
}

// sizes asks for the sizes of messages.
func (s *session) sizes(uids journal.Set, each func(uid uint32, size int64)) error {
	for !uids.IsEmpty() {
		var part journal.Set
		part, uids = headText(uids, 500)
		msgs, err := s.client.Fetch(uidSet(part), &imap.FetchOptions{UID: true, RFC822Size: true}).Collect()
		if err != nil {
			return s.failed("fetch sizes", err)
		}
		for _, msg := range msgs {
			each(uint32(msg.UID), msg.RFC822Size)
		}
	}
	return nil
}

// Counts implements fetch.Mailbox.
func (m *mailbox) Counts() fetch.Counts { return m.counts }

// Record implements fetch.Mailbox. Only the record of a message that the server will forget must be durable,
// and only before that: makeDurable syncs many at once. A kept message that is delivered twice is no loss.
func (m *mailbox) Record(ctx context.Context, items []*fetch.Item) error {
	var set journal.Set
	for _, it := range items {
		set.Add(it.Num)
	}
	// The looks go with the record: they tell later whether a message under this UID is this one.
	if m.forgets() {
		return fetch.Fail(fetch.KindJournal, m.recordForgotten(ctx, set, traces(items)))
	}
	return fetch.Fail(fetch.KindJournal, m.rec.Record(ctx, set, !m.readOnly, false))
}

// Doubt implements fetch.Doubter.
func (m *mailbox) Doubt() { m.rec.Doubt() }

// InDoubt implements fetch.Doubter.
func (m *mailbox) InDoubt() bool { return m.rec.Repeat() }

// forgets tells whether an acknowledged message is gone from this mailbox.
func (m *mailbox) forgets() bool { return !m.s.a.Keep || m.s.a.MoveTo != "" }

// Skip implements fetch.Mailbox.
func (m *mailbox) Skip(ctx context.Context, items []*fetch.Item) error {
	var set journal.Set
	for _, it := range items {
		set.Add(it.Num)
	}
	// Adopted, not recorded as delivered: flush deletes what was delivered, and this was not.
	return fetch.Fail(fetch.KindJournal, m.rec.Adopt(ctx, set))
}

// Commit implements fetch.Mailbox.
func (m *mailbox) Commit(ctx context.Context) (int, error) {
	deleted, err := m.settle(ctx)
	if err != nil {
		return deleted, err
	}
	// Only after a settled end: a wrong count would let the next retrieval miss messages.
	m.rec.SetCensus(m.nextCensus())
	return deleted, fetch.Fail(fetch.KindJournal, m.rec.End(ctx, max(1, m.uidNext)))
}
