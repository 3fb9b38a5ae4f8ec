package imap

import (
	"context"
	"errors"
	"sync"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// doubts are about messages that came whole while the command that asked for them has not ended well. A
// server that can't read on fills a text up to the length that it has announced, and then says NO. So none is
// acknowledged before its FETCH is answered with OK; what came is delivered all the same.
type doubts struct {
	open  journal.Set    // asked for by commands that have not ended, or have ended in doubt
	again map[uint32]sum // what came by those that did: it is to be asked for again

	// It is held while what is recorded and what is known to be in doubt are brought together, and taken
	// before the mailbox's lock.
	recording sync.Mutex
	recorded  journal.Set // delivered messages that the server is to forget; guarded by recording
}

// sum is what texts are compared by.
type sum struct {
	size int64
	crc  uint32
}

// codeExpunged is in the NO of a server that gave all that it was asked for but what others have deleted
// meanwhile (RFC 5530).
const codeExpunged = "EXPUNGEISSUED"

// doubted are the messages of a batch that may not be whole. A NO is about the messages that are missing, or
// about the last one, with which the server has stopped; if none is missing it may be about any.
func (b *batch) doubted() (uids journal.Set) {
	if b.no == nil || b.over || b.explained || b.limited {
		return uids
	}
	missing := !b.uids.Minus(b.got).IsEmpty()
	for uid := range b.sums {
		if !missing || uid == b.last {
			uids.Add(uid)
		}
	}
	return uids
}

// begin notes that messages are asked for.
func (m *mailbox) begin(uids journal.Set) {
	if !m.forgets() { // an acknowledgement loses nothing
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.doubts.open.AddSet(uids)
}

// judge decides which messages of a batch that has ended may be acknowledged. What is in doubt is recorded
// as such at once: the next retrieval acknowledges what this one leaves pending, however it ends.
func (m *mailbox) judge(ctx context.Context, b *batch) error {
	_, b.limited = m.s.guard.limited(b.tag)
	if !m.forgets() {
		return nil
	}
	doubted := b.doubted()
	m.noteDoubts(b, doubted)
	if doubted.IsEmpty() {
		return nil
	}

	m.doubts.recording.Lock()
	defer m.doubts.recording.Unlock()
	return m.adopt(ctx, doubted.And(m.doubts.recorded))
}

// noteDoubts is judge in memory.
func (m *mailbox) noteDoubts(b *batch, doubted journal.Set) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := &m.doubts
	d.open = d.open.Minus(b.uids.Minus(doubted))
	if d.again == nil {
		d.again = map[uint32]sum{}
	}
	for uid, s := range b.sums {
		if doubted.Contains(uid) {
			d.again[uid] = s
		}
	}
}

// recordForgotten records delivered messages that the server is to forget, and so the next retrieval if this
// one does not come to it; those in doubt are recorded as messages that stay.
func (m *mailbox) recordForgotten(ctx context.Context, uids journal.Set, of []journal.Trace) error {
	m.doubts.recording.Lock()
	defer m.doubts.recording.Unlock()
	doubted := m.inDoubt(uids)
	m.doubts.recorded.AddSet(uids)
	return errors.Join(m.rec.RecordTraced(ctx, uids.Minus(doubted), of, false), m.adopt(ctx, doubted))
}

// inDoubt are those of uids whose FETCH has ended in doubt.
func (m *mailbox) inDoubt(uids journal.Set) (doubted journal.Set) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for uid := range m.doubts.again {
		if uids.Contains(uid) && m.doubts.open.Contains(uid) {
			doubted.Add(uid)
		}
	}
	return doubted
}

// adopt records delivered messages that stay, though the retrieval has ended.
func (m *mailbox) adopt(ctx context.Context, uids journal.Set) error {
	if uids.IsEmpty() {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	err := m.rec.Adopt(ctx, uids)
	if err == nil {
		err = m.rec.AddStaying(ctx, uids) // or "fetchall" would deliver them again in each pass
	}
	return fetch.Fail(fetch.KindJournal, err)
}

// prove lets a message be acknowledged that has come again with OK.
func (m *mailbox) prove(ctx context.Context, b *batch) error {
	m.doubts.recording.Lock()
	var same journal.Set
	// If it came otherwise than before, that is delivered first, and recorded then.
	if len(b.held) == 0 {
		same = b.got.And(m.doubts.recorded)
	}
	err := m.rec.Record(ctx, same, true, true)
	m.doubts.recording.Unlock()
	if err != nil {
		return fetch.Fail(fetch.KindJournal, err)
	}
	return m.judge(ctx, b)
}

// proven are those of uids that may be acknowledged.
func (m *mailbox) proven(uids journal.Set) journal.Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uids.Minus(m.doubts.open)
}

// askAgain asks once more, one by one, for messages that came in doubt. If one comes with OK as it came
// before, it was whole; if it comes otherwise, that is delivered too.
func (m *mailbox) askAgain(ctx context.Context, q *fetch.Queue) error {
	var uids journal.Set
	for uid := range m.doubts.again {
		uids.Add(uid)
	}

	for !uids.IsEmpty() {
		var one journal.Set
		one, uids = uids.Head(1)
		if err := q.Wait(ctx); err != nil {
			return fetch.Fail(fetch.KindNetwork, err)
		}

		b, err := m.alone(ctx, one, q)
		if err != nil {
			return err
		}
		if b.no != nil || b.got.IsEmpty() {
			m.drop(b)
			if b.over {
				return &fetch.ServerTrouble{Err: b.no, Quota: true}
			}
			continue
		}

		if err := m.prove(ctx, b); err != nil {
			m.drop(b)
			return err
		}
		m.putHeld(b, q)
	}

	return nil
}

// alone fetches one message, which is held back.
func (m *mailbox) alone(ctx context.Context, one journal.Set, q *fetch.Queue) (*batch, error) {
	m.s.guard.insertUID(one.String())
	defer m.s.guard.insertUID("")
	b := m.request(ctx, &batch{uids: one, alone: true}, m.items(true), q)
	if err := <-b.done; err != nil {
		m.drop(b)
		return nil, m.at(b, err)
	}
	return b, nil
}

// drop frees what was held back.
func (m *mailbox) drop(b *batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, it := range b.held {
		release(it)
	}
	b.held = nil
}

// isAsBefore tells whether a message came in doubt before, with the same text.
func (d *doubts) isAsBefore(it *fetch.Item) bool {
	before, ok := d.again[it.Num]
	return ok && it.Body != nil && before == sumOf(it)
}

func sumOf(it *fetch.Item) sum { return sum{it.Body.Size(), it.Body.CRC()} }

// leaveDoubted tells of delivered messages whose FETCH was not answered with OK: they are recorded so that
// they are never deleted, not by flush either.
func (m *mailbox) leaveDoubted(ctx context.Context, uids journal.Set) error {
	if uids.IsEmpty() {
		return nil
	}
	m.s.a.Log.Warn(fetch.EventDoubted, "account", m.s.a.Name, "mailbox", m.name, "count", uids.Len())
	return m.adopt(ctx, uids)
}
