package journal

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Census is what a retrieval knows about a mailbox as a whole. It lets the next one tell from the number of
// messages there whether the server has shown all of them.
type Census struct {
	// First is UIDNEXT at the first contact: messages with smaller UIDs were there before us; 0 = unknown,
	// or there was no contact yet.
	First uint32
	// Settled is the number of messages there that need nothing more.
	Settled uint32
	// Looked is the Unix time of the last listing of all UIDs that had as many as the server counts; 0 =
	// none.
	Looked int64
}

// Census returns the last census.
func (m *Mailbox) Census() Census {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.box.census
}

// SetCensus replaces the census. It is written with the next change, by End at the latest.
func (m *Mailbox) SetCensus(c Census) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// An equal census is not written, so that an idle poll writes nothing.
	m.recounted = m.recounted || m.box.census != c
	m.box.census = c
}

// Vacant are the UIDs of Done that no message had when the mailbox was last looked at, because the message
// was deleted or the server did not name one. A message that has one of them is new.
func (m *Mailbox) Vacant() Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.marks.vacant.Clone()
}

// Vacate records uids as vacant, and what is to be known of a message that has one of them later.
func (m *Mailbox) Vacate(ctx context.Context, uids Set, of []Trace) error {
	// What the server has confirmed is true even if we are told to end in this moment.
	return m.add(context.WithoutCancel(ctx), vacant, uids, of, false)
}

// Reopen records that uids, which may be vacant, have messages that are to be delivered.
func (m *Mailbox) Reopen(ctx context.Context, uids Set) error {
	return m.add(ctx, forgotten, uids, nil, false)
}

// RecordTraced is Record of messages that are to be deleted, and of what they look like.
func (m *Mailbox) RecordTraced(ctx context.Context, uids Set, of []Trace, durable bool) error {
	return m.add(context.WithoutCancel(ctx), pending, uids, of, durable)
}

// maxTraces is how many deleted messages of a mailbox are remembered, and traceDays for how long.
const (
	maxTraces = 2000
	traceDays = 30
)

// Trace is what a message looked like that was deleted on the server: the same again under its UID is the
// message itself, which was not deleted after all. Looks has neither blanks nor commas.
type Trace struct {
	UID   uint32
	Looks string
}

// Traces are those of the messages with uids.
func (m *Mailbox) Traces(uids Set) map[uint32]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[uint32]string{}
	if uids.IsEmpty() { // the usual poll
		return found
	}

	for t := range parseTraces(m.marks.traces) {
		if uids.Contains(t.UID) {
			found[t.UID] = t.Looks
		}
	}
	return found
}

// traceRow is the row for traces, of which the last ones are kept.
func traceRow(at int64, of []Trace) []row {
	if len(of) == 0 {
		return nil
	}
	return []row{{traces, at, traceText(of[max(0, len(of)-maxTraces):])}}
}

func traceText(of []Trace) string {
	var b strings.Builder
	for i, t := range of {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(t.UID), 10))
		b.WriteByte(' ')
		b.WriteString(t.Looks)
	}
	return b.String()
}

// parseTraces ignores what it can't read: without its trace a message counts as new at worst.
func parseTraces(rows []row) iter.Seq[Trace] {
	return func(yield func(Trace) bool) {
		for _, r := range rows {
			for part := range strings.SplitSeq(r.uids, ",") {
				uid, looks, _ := strings.Cut(part, " ")
				n, err := strconv.ParseUint(uid, 10, 32)
				if err == nil && !yield(Trace{uint32(n), looks}) {
					return
				}
			}
		}
	}
}

// foldTraces returns one row with the traces that are still useful.
func foldTraces(rows []row, now int64) []row {
	// Rows are in the order of their times, so the old ones come first.
	for len(rows) > 0 && now-rows[0].at > traceDays*24*60*60 {
		rows = rows[1:]
	}
	all := slices.Collect(parseTraces(rows))
	if len(all) == 0 {
		return nil
	}
	return []row{{traces, rows[len(rows)-1].at, traceText(all[max(0, len(all)-maxTraces):])}}
}
