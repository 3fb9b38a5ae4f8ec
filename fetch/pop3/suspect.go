package pop3

import (
	"context"

	"fetchd/fetch"
)

// suspects are messages that may be some which we had before: the server lists the UIDL, and almost the
// size, of one that was delivered and then deleted, or is still to be. Only the header shows whether it is
// the same: the server may use a UIDL again once its message is gone (RFC 1939 section 7), which we may not
// have heard.
type suspects struct {
	traces map[int32]string // by number: what the earlier message looks like
	same   []returned       // those that Retrieve has found to be the same
	reused int              // how often a message was another than the pending one of its UIDL
}

// returned is a message that is the same as one that was delivered.
type returned struct {
	deletion
	pending bool // its deletion was never confirmed
	size    int64
	looks   string
}

// suspect notes a message that may be one that we had, and tells whether it may.
func (m *maildrop) suspect(num int, r *row) bool {
	if r.uidl == "" {
		return false
	}
	looks := m.record.Looks(r.uidl)
	// A message of quite another size is another one: no need to look at its header.
	if !fetch.MayLookLike(looks, r.size) {
		return false
	}
	if m.traces == nil {
		m.traces = make(map[int32]string)
	}
	m.traces[int32(num)] = looks
	return true
}

// isAnother makes a message new whose UIDL was that of one which is to be deleted.
func (m *maildrop) isAnother(r *row) {
	r.done, r.pending = false, false
	m.reused++
}

// isAnother tells whether a message that came is another than the one that was delivered under its UIDL
// before, as far as is known by now.
func (r *retrieval) isAnother(next request) bool {
	it, num := next.Item, int32(next.Num)
	looks, row := it.Looks(), &r.m.listing.rows[num-1]
	if fetch.SameLooks(looks, r.m.traces[num]) {
		r.m.same = append(r.m.same, returned{deletion{int(num), it.UID}, row.pending, it.Size, looks})
		it.Body.Release()
		return false
	}

	// It comes as a whole now, which is compared too: some servers show another header in answer to TOP.
	if next.peek {
		it.Body.Release()
		if r.peeked == nil {
			r.peeked = make(map[uint32]bool)
		}
		r.peeked[it.Num] = true
		r.askAgain(it)
		return false
	}

	if row.pending {
		r.m.isAnother(row)
	}
	return true
}

// recordSame records the messages that came back as delivered, and plans the deletion of all that are the
// same.
func (m *maildrop) recordSame(ctx context.Context) error {
	var uids, looks []string
	var sizes []int64
	for _, r := range m.same {
		if !r.pending {
			uids, sizes, looks = append(uids, r.uid), append(sizes, r.size), append(looks, r.looks)
		}
	}

	var err error
	// What is to be deleted is pending until the server has confirmed that.
	if m.s.a.Keep {
		err = m.record.Record(ctx, uids, false, false)
	} else {
		err = m.record.RecordPending(ctx, uids, sizes, looks, false)
	}
	if err != nil {
		return fetch.Fail(fetch.KindJournal, err)
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.same {
		if r.pending || !m.s.a.Keep {
			m.deletes = append(m.deletes, r.deletion)
		}
	}

	return nil
}

// logReused says that UIDLs of messages that were to be deleted belong to others now.
func (m *maildrop) logReused() {
	if m.reused > 0 {
		m.s.a.Log.Warn(fetch.EventReused, "account", m.s.a.Name, "mailbox", "", "count", m.reused)
	}
}

// Returned implements fetch.Returner.
func (m *maildrop) Returned() (n int) {
	for _, r := range m.same {
		if !r.pending {
			n++
		}
	}
	return n
}
