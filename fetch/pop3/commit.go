package pop3

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	gopop3 "github.com/knadh/go-pop3"

	"fetchd/fetch"
)

// deleteWindow is how many DELEs may be unanswered; see windowCount for the reason of a bound.
const deleteWindow = 1024

// Commit implements fetch.Mailbox. The server deletes nothing before it answers QUIT with +OK (RFC 1939
// section 6); if it gives no such answer, nothing counts as deleted, and the next retrieval deletes what is
// pending in the journal.
func (m *maildrop) Commit(ctx context.Context) (int, error) {
	defer m.s.c.Bind(ctx)()
	m.mu.Lock()
	defer m.mu.Unlock()
	gone, refused, err := m.delete(ctx)
	if err != nil {
		return 0, m.s.pipelined(err, true)
	}
	if err := m.end(ctx, gone); err != nil {
		return len(gone), fetch.Fail(fetch.KindJournal, err)
	}
	return len(gone), cmp.Or(classify(refused), m.listing.disagree())
}

// delete deletes the planned messages and ends the session. It returns those that the server has deleted, and
// its first refusal.
func (m *maildrop) delete(ctx context.Context) (gone []deletion, refused, err error) {
	// No QUIT either: Close says it, without waiting for an answer.
	if len(m.deletes) == 0 {
		return nil, nil, nil
	}
	if err := m.traceExpired(ctx); err != nil {
		return nil, nil, err
	}
	// One sync for all records of this retrieval and of earlier ones. It comes before the first DELE: a
	// server may delete although it doesn't answer QUIT, and after a power failure the messages must still be
	// known as delivered.
	if err := m.s.a.Journal.Sync(ctx); err != nil {
		return nil, nil, fetch.Fail(fetch.KindJournal, err)
	}

	// Deliveries end in any order; the server is asked in the order of its list.
	slices.SortFunc(m.deletes, func(a, b deletion) int { return a.num - b.num })
	if gone, refused, err = m.s.sendDeletes(m.deletes); err != nil {
		return nil, nil, err
	}
	if err := m.s.quit(); err != nil {
		what := "1 deletion is"
		if n := len(gone); n != 1 {
			what = fmt.Sprintf("%d deletions are", n)
		}
		return nil, nil, fmt.Errorf("%s not committed: %w", what, err)
	}
	// After QUIT, which has deleted the others.
	if refused != nil {
		refused = fmt.Errorf("%d of %d delivered messages are not deleted, the next retrieval "+
			"tries again: %w", len(m.deletes)-len(gone), len(m.deletes), refused)
	}

	return gone, refused, nil
}

// tracedMost is how many of the messages that expire at once are looked at: the journal keeps no more.
const tracedMost = 2000

// traceExpired notes what kept messages look like that are deleted now: some servers bring back what they
// have deleted, and it must not be delivered again. What is deleted once it was delivered has its trace by
// then.
func (m *maildrop) traceExpired(ctx context.Context) error {
	if !m.s.a.Keep || m.s.a.Flush || m.s.caps != nil && !m.s.caps.has("TOP") {
		return nil
	}

	var nums []int32
	for _, d := range m.deletes {
		if r := &m.listing.rows[d.num-1]; r.done && r.uidl != "" {
			nums = append(nums, int32(d.num))
		}
	}
	known, err := m.looks(nums[max(0, len(nums)-tracedMost):])
	if err != nil || len(known) == 0 {
		return err
	}

	uids, looks := make([]string, 0, len(known)), make([]string, 0, len(known))
	for _, uid := range slices.Sorted(maps.Keys(known)) {
		uids, looks = append(uids, uid), append(looks, known[uid])
	}
	return fetch.Fail(fetch.KindJournal, m.record.Trace(ctx, uids, looks))
}

// end ends the journal's record. The journal may forget messages that are gone from the server, after a
// while.
func (m *maildrop) end(ctx context.Context, gone []deletion) error {
	var uids []string
	for _, d := range gone {
		// Messages that were too large are deleted without ever having been recorded.
		if d.uid != "" {
			uids = append(uids, d.uid)
		}
	}
	if err := m.record.Acknowledged(ctx, uids); err != nil {
		return err
	}
	return m.record.End(ctx, !m.unread())
}

// unread tells whether there are messages that are left out, or have no UIDL and whose content we have not
// seen: any that the journal knows may be among them, so none of these can be forgotten.
func (m *maildrop) unread() bool {
	n := m.listing.left
	for i := range m.listing.rows {
		if r := &m.listing.rows[i]; r.uidl == "" && !r.gap {
			n++
		}
	}
	for _, copies := range m.hashes {
		n -= copies
	}
	return n > 0
}

// sendDeletes sends a DELE for each message, followed by QUIT if the server pipelines, and returns the
// deletions that the server accepted, and its first refusal. It does not read the answer to QUIT.
func (s *session) sendDeletes(ds []deletion) (gone []deletion, refused, err error) {
	together := s.pipelining()
	gone = make([]deletion, 0, len(ds))
	var line []byte
	for sent, read := 0, 0; read < len(ds); {
		line = line[:0]
		// Without PIPELINING one command at a time; with it, as many as fit into the window.
		for sent < len(ds) && (sent == read || together && sent-read < deleteWindow) {
			start := len(line)
			line = strconv.AppendInt(append(line, "DELE "...), int64(ds[sent].num), 10)
			if s.c.Tracing() {
				s.c.TraceOut(string(line[start:]))
			}
			line = append(line, "\r\n"...)
			sent++
		}

		if err := s.send(line, together && sent == len(ds)); err != nil {
			return nil, nil, network("DELE", err)
		}

		// Half a window is read before more is sent, so that the server always has work.
		for until := max(read+1, sent-deleteWindow/2); read < until; read++ {
			_, err := readReply(s.c, "DELE")
			switch {
			case err == nil:
				gone = append(gone, ds[read])
			// Not a refusal but the end of the connection: nobody knows what was deleted, so nothing counts.
			case refusal(s.c, err) == nil:
				return nil, nil, err
			case refused == nil:
				refused = err
			}
		}
	}

	return gone, refused, nil
}

// send writes commands, followed by QUIT if last.
func (s *session) send(line []byte, last bool) error {
	if len(line) == 0 {
		return nil
	}
	if last {
		s.c.TraceOut("QUIT")
		// go-pop3 will be told to send it, so that it waits for the answer, and must not send it twice.
		s.client.line.sent = append(s.client.line.sent, "QUIT")
		line = append(line, "QUIT\r\n"...)
	}
	return s.c.Write(line)
}

// quit ends the session. An error says that the server did not confirm it.
func (s *session) quit() error {
	// Before the command: even without an answer the server may have ended the session.
	s.ended = true
	return classify(s.client.run((*gopop3.Conn).Quit))
}
