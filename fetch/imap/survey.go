package imap

import (
	"context"
	"errors"
	"time"

	"github.com/emersion/go-imap/v2"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// resurvey is the longest time until all UIDs are looked at again, for messages under UIDs that no message
// had before, if the number of messages gives no reason to do so earlier.
const resurvey = 6 * time.Hour

// standing is the state of a mailbox before anything is retrieved from it.
type standing struct {
	writable bool        // it is selected with SELECT although nothing is written
	allNew   bool        // at first contact: no message is old
	open     journal.Set // at the first contact after UIDs went back: not old, although they may be \Seen
	first    uint32
	settled  uint64      // messages with which nothing is to be done any more
	found    journal.Set // the others
	counted  time.Time   // when we last saw as many UIDs as the server counts messages; zero = we didn't
	lost     journal.Set // those of found that turned out to be gone
	moved    uint64      // messages that were delivered under other UIDs than they have now

	internal journal.Set // of found, those that are the server's own and no mail
}

// isFirst tells whether no retrieval of this mailbox has yet found out what is old in it. One that has, and
// then ended before it delivered anything, leaves only the census behind: its decision stands, or what
// somebody reads meanwhile would be old for the next one.
func isFirst(rec record) bool {
	return rec.Done().IsEmpty() && rec.UIDNext() == 0 && rec.Census().First == 0
}

// scope is what to search for this time: usually only what the journal lacks, but everything if the last
// complete look was too long ago.
func (m *mailbox) scope() scope {
	switch c := m.rec.Census(); {
	case m.s.a.FetchAll, isFirst(m.rec) && m.allNew:
		return complete
	case isFirst(m.rec):
		return unread
	case fetch.HasPassed(resurvey, time.Unix(c.Looked, 0), m.now()):
		return complete
	}
	return missed
}

func (m *mailbox) now() time.Time {
	if now := m.s.a.Now; now != nil {
		return now()
	}
	return time.Now()
}

// survey makes v.found the set of what is new. A UID that a search did not name is not old for that reason:
// it is vacant until a search names it.
func (m *mailbox) survey(ctx context.Context, v *view) error {
	var err error
	switch {
	case m.s.a.FetchAll:
		err = m.confirmByFlags(v)
		v.found = union(v.found, v.seen)
	case isFirst(m.rec):
		err = m.surveyFirst(ctx, v)
	default:
		err = m.findNew(ctx, v)
	}
	m.standing.found = v.found
	return err
}

// nextCensus is the census for the next retrieval.
func (m *mailbox) nextCensus() journal.Census {
	c := journal.Census{First: m.first}
	// Those that are gone are settled too, but the server no longer counts them.
	done := m.standing.found.And(m.rec.Done()).Minus(m.lost)
	if settled, gone := m.settled+done.Len(), m.deleted.uids.Len(); settled > gone {
		c.Settled = uint32(settled - gone)
	}
	if !m.counted.IsZero() {
		c.Looked = m.counted.Unix()
	}
	return c
}

// surveyFirst is the survey at the first contact with a mailbox: messages that are \Seen are old.
func (m *mailbox) surveyFirst(ctx context.Context, v *view) (err error) {
	// Asked for although the first search named the others: only both together show whether one of them is
	// wrong.
	if !m.allNew && v.refused == nil && v.found.Len() < uint64(v.least) {
		v.seen, err = m.s.search(imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}})
		if err = v.unlessRefused(err); err != nil {
			return err
		}
		v.count(m.s)
	}
	if err := m.confirmByFlags(v); err != nil {
		return err
	}
	fresh := v.seen.And(m.open)
	if m.allNew {
		fresh = v.seen
	}
	v.found, v.seen = union(v.found, fresh), v.seen.Minus(fresh)
	m.deleted.before = m.rec.Traces(v.found) // after UIDs went back

	// What has a UID that was not given out yet is no message, or came after SELECT: it is not old.
	next := v.uidNext
	if next > 0 {
		v.seen = v.seen.And(below(next))
	} else { // an old server that does not give UIDNEXT, or one that has none left
		highest := max(v.found.Max(), v.seen.Max())
		next = max(highest, highest+1)
	}

	// Before anything is written: where it can't be told what is new, the next retrieval must find that too.
	is, err := m.recognise(ctx, v)
	if err != nil {
		return err
	}

	old := union(v.seen, is.known)
	m.settled, m.first = old.Len(), next
	if m.allNew { // no message was here before us
		m.first = 1
	}

	m.rec.SetCensus(m.nextCensus())
	if err := m.rec.Adopt(ctx, old); err != nil { // even an empty set makes the mailbox known
		return fetch.Fail(fetch.KindJournal, err)
	}
	if err := m.recordDelivered(ctx, is.delivered); err != nil {
		return err
	}
	// Said once: the next retrieval knows the mailbox.
	if !v.seen.IsEmpty() {
		m.s.a.Log.Info(fetch.EventOld, "account", m.s.a.Name, "mailbox", m.name, "count", v.seen.Len())
	}

	return m.vacate(ctx, below(next).Minus(old).Minus(v.found))
}

// below are the UIDs smaller than next.
func below(next uint32) journal.Set {
	var s journal.Set
	if next > 0 {
		s.AddRange(1, next-1)
	}
	return s
}

// confirmByFlags asks for the flags of each message if the results of the searches contradict the number of
// messages or what the server says elsewhere. RFC 9051 section 6.4.4 demands a full result, but some servers
// give a part of it, or that of another folder.
func (m *mailbox) confirmByFlags(v *view) error {
	if v.refused != nil || m.s.contradicted(v) || !v.fits(union(v.found, v.seen).Len()) {
		unseen, seen, err := m.s.flags(v)
		if err != nil {
			return errors.Join(v.refused, err)
		}

		// What a search named stays: flags that were not sent say nothing, and a message too many is better
		// than one too few.
		v.found, v.seen = union(v.found, unseen).Minus(seen), seen
		// If the server counts none, nothing was asked.
		v.flagged = v.most > 0
		if v.refused != nil && v.least > 0 && union(v.found, v.seen).IsEmpty() {
			// Nobody would ever hear of the messages that neither way names.
			return v.refused
		}
	}

	m.counted = time.Time{}
	// Only when the numbers agree may the next retrieval trust what it knows.
	if v.fits(union(v.found, v.seen).Len()) {
		m.counted = m.now()
	}
	return nil
}

func union(a, b journal.Set) journal.Set {
	all := a.Clone()
	all.AddSet(b)
	return all
}

// contradicted tells whether the searches contradict each other or the answer to SELECT.
func (s *session) contradicted(v *view) bool {
	if v.among != unread {
		return false
	}
	return v.found.IsEmpty() && s.guard.saidUnseen() || !v.found.And(v.seen).IsEmpty()
}

// findNew finds what is new in a mailbox that we know. If the known messages and those that were found are as
// many as the server counts, nothing else is new; otherwise all UIDs are looked at.
func (m *mailbox) findNew(ctx context.Context, v *view) error {
	census, done := m.rec.Census(), m.rec.Done()
	m.first, m.settled, m.counted = census.First, uint64(census.Settled), time.Unix(census.Looked, 0)
	named := v.found
	v.found = named.Minus(done)
	// After UIDs went back, what was delivered and is to be deleted looks new as well, also to the retrieval
	// after one that was cut off before it had dealt with that.
	m.deleted.before = m.rec.Traces(v.found)
	// The usual case: one search, and nothing new. Everything below costs more and is needed rarely.
	if v.among == missed && v.refused == nil && v.fits(m.settled+v.found.Len()) &&
		!m.reusesUIDs(v, named, done) {
		last := v.found.Max()
		if v.uidNext > 0 { // a server can't be believed about UIDs that it has not given out yet
			last = min(last, v.uidNext-1)
		}
		return m.vacate(ctx, m.neverNamed(below(last).Minus(done).Minus(v.found)))
	}

	// Something does not add up, so the cheap search is not enough.
	if v.among == missed && v.refused == nil && v.most > 0 {
		if err := v.search(m.s, m.s.startSearch(m.rec, complete), complete); err != nil {
			return err
		}
		named = v.found
	}

	v.found = named
	if err := m.confirmByFlags(v); err != nil {
		return err
	}

	return m.findNewAmongAll(ctx, v, done)
}

// reusesUIDs tells whether the server names a message under a UID that no message had, or has lowered
// UIDNEXT.
func (m *mailbox) reusesUIDs(v *view, named, done journal.Set) bool {
	if m.lowersUIDNext(v) {
		return true
	}
	known := named.And(done)
	return !known.IsEmpty() && !known.And(m.rec.Vacant()).IsEmpty()
}

// lowersUIDNext tells whether the server takes back a UIDNEXT that it gave. What a kept connection goes by is
// the last one that was recorded, which is no news.
func (m *mailbox) lowersUIDNext(v *view) bool {
	last := m.rec.UIDNext()
	return v.uidNext > 0 && v.uidNext != last && v.uidNext < max(last, m.first)
}

// findNewAmongAll finds what is new among all messages. A message under a vacant UID is new, unless it was
// there before our first contact and is \Seen, or is one that we deleted.
func (m *mailbox) findNewAmongAll(ctx context.Context, v *view, done journal.Set) error {
	all, vacant := union(v.found, v.seen), m.rec.Vacant()
	if m.lowersUIDNext(v) {
		again, err := m.reconsider(ctx, v, all)
		if err != nil {
			return err
		}
		done = done.Minus(again)
	}

	v.found = all.Minus(done.Minus(vacant))
	surfaced := v.found.And(vacant)
	m.deleted.before = m.rec.Traces(v.found)
	early := surfaced.And(below(m.first))

	// We deleted what had these UIDs, or it was to be delivered: now it is there again, or a later message
	// has them. \Seen makes neither old.
	for uid := range m.deleted.before {
		early = early.Minus(journal.SetOf(uid))
	}

	if err := m.leaveSeen(ctx, v, early); err != nil {
		return err
	}
	// What is new stays so, although somebody may read it before it is delivered.
	if err := m.reopen(ctx, early.And(v.found)); err != nil {
		return err
	}

	m.settled = all.Minus(v.found).Len()
	// Beyond the highest UID nothing was ever given out, so nothing there can be gone.
	gone := below(max(all.Max(), v.uidNext)).Minus(all).Minus(done)
	if !m.counted.IsZero() { // messages that were \Seen are gone now, and their UIDs may be given out again
		gone.AddSet(m.adopted().And(below(m.first)).Minus(all))
	}

	return m.lose(ctx, gone)
}

// reconsider is for a UIDNEXT that was taken back: it was too high at the first contact, or UIDs are given
// out again. It returns what was old, and looks new now.
func (m *mailbox) reconsider(ctx context.Context, v *view, all journal.Set) (again journal.Set, err error) {
	// What gets a UID that was not given out, for all we know now, came after us, although it may be \Seen.
	m.first = min(m.first, v.uidNext)
	free := m.rec.Vacant().Minus(below(v.uidNext))

	// An old message that is not \Seen any more may be another one under its UID.
	if old := m.adopted().And(all); !old.IsEmpty() {
		if again, err = m.s.amongUnseen(old); err != nil {
			return again, err
		}
	}

	return again, m.reopen(ctx, union(free, again))
}

// neverHad is the trace of a message that was to be delivered and is gone. No message looks like that.
const neverHad = "0.-"

// maxNeverHad is how many of these are kept of one look, beside the traces of deleted messages.
const maxNeverHad = 100

// lose vacates the UIDs of messages that were to be delivered and are gone. A server that hides a message for
// a while must not make it old: somebody may read it meanwhile.
func (m *mailbox) lose(ctx context.Context, uids journal.Set) error {
	var of []journal.Trace
	first, _ := uids.Minus(m.rec.Done()).And(below(m.first)).Head(maxNeverHad)
	for _, r := range first.Ranges() {
		for uid := r.First; uid != r.Last+1; uid++ {
			of = append(of, journal.Trace{UID: uid, Looks: neverHad})
		}
	}
	return m.vacate(ctx, uids, of...)
}

// leaveSeen makes the messages of uids that are \Seen old.
func (m *mailbox) leaveSeen(ctx context.Context, v *view, uids journal.Set) (err error) {
	if uids.IsEmpty() {
		return nil
	}
	seen := v.seen.And(uids)
	if !v.flagged {
		if seen, err = m.s.amongSeen(uids); err != nil {
			return err
		}
	}
	v.found = v.found.Minus(seen)
	return fetch.Fail(fetch.KindJournal, m.rec.Adopt(ctx, seen))
}

// adopted are the UIDs of messages that were old at the first contact, or were skipped, and so were never
// delivered.
func (m *mailbox) adopted() journal.Set {
	return m.rec.Done().Minus(m.rec.Vacant()).Minus(m.rec.Delivered())
}

// neverNamed are those of gaps that no earlier look can have found new. The others, which may hold a message
// that could not be delivered yet, stay open until all UIDs are looked at, unless they are too many to name.
func (m *mailbox) neverNamed(gaps journal.Set) journal.Set {
	// Without a UIDNEXT, as the first retrieval did not come to its end, the first contact says it.
	if known := gaps.And(below(max(m.rec.UIDNext(), m.first))); len(known.String()) <= maxSetText {
		return gaps.Minus(known)
	}
	return gaps
}

// reopen makes vacant uids new for good.
func (m *mailbox) reopen(ctx context.Context, uids journal.Set) error {
	if uids.IsEmpty() {
		return nil
	}
	return fetch.Fail(fetch.KindJournal, m.rec.Reopen(ctx, uids))
}

func (m *mailbox) vacate(ctx context.Context, uids journal.Set, of ...journal.Trace) error {
	if uids.IsEmpty() {
		return nil
	}
	return fetch.Fail(fetch.KindJournal, m.rec.Vacate(ctx, uids, of))
}
