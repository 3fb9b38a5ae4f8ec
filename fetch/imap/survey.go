package imap

import (
	"context"
	"time"

	"github.com/emersion/go-imap/v2"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// resurvey is how long it takes at most until all UIDs are looked at again, for messages under UIDs that no message had,
// while the number of messages gives no cause to.
const resurvey = 6 * time.Hour

// standing is how a mailbox stands before anything is retrieved from it.
type standing struct {
	allNew bool // at first contact: nothing that is there is old
	first  uint32
	there  uint64      // messages with which nothing is to be done any more
	found  journal.Set // the others
	looked time.Time   // when all UIDs were seen to be those that the server counts; zero = they are not
	lost   journal.Set // of found, those that turned out to be gone

	internal journal.Set // of found, those that are the server's own and no mail
}

// isFirst tells whether no retrieval of this mailbox has got so far as to know what is old in it.
func isFirst(rec record) bool { return rec.Done().IsEmpty() && rec.UIDNext() == 0 }

// scope is what to search for this time. Not what the journal has alone is asked for, but all, where it is too long ago
// that all was seen.
func (m *mailbox) scope() scope {
	switch c := m.rec.Census(); {
	case m.s.a.FetchAll, isFirst(m.rec) && m.allNew:
		return complete
	case isFirst(m.rec):
		return unread
	case m.now().Sub(time.Unix(c.Looked, 0)) > resurvey:
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

// survey makes v.found what is new. What a search did not name is not old for that: it is vacant until it is named.
func (m *mailbox) survey(ctx context.Context, v *view) error {
	var err error
	switch {
	case m.s.a.FetchAll:
		err = m.confirm(v)
		v.found = union(v.found, v.seen)
	case isFirst(m.rec):
		err = m.meet(ctx, v)
	default:
		err = m.compare(ctx, v)
	}
	m.standing.found = v.found
	return err
}

// conclude is the census for the next retrieval.
func (m *mailbox) conclude() journal.Census {
	c := journal.Census{First: m.first}
	done := m.standing.found.And(m.rec.Done()).Minus(m.lost)
	if settled, gone := m.there+done.Len(), m.deleted.uids.Len(); settled > gone {
		c.Settled = uint32(settled - gone)
	}
	if !m.looked.IsZero() {
		c.Looked = m.looked.Unix()
	}
	return c
}

// meet is the first contact with a mailbox: what is \Seen is old.
func (m *mailbox) meet(ctx context.Context, v *view) (err error) {
	if !m.allNew && v.found.Len() < uint64(v.least) {
		if v.seen, err = m.s.search(imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}}); err != nil {
			return err
		}
		v.count(m.s)
	}
	if err := m.confirm(v); err != nil {
		return err
	}
	if m.allNew {
		v.found, v.seen = union(v.found, v.seen), journal.Set{}
	}

	next := v.uidNext
	if next == 0 { // an old server
		next = max(v.found.Max(), v.seen.Max()) + 1
	}
	m.there = v.seen.Len()
	if !m.allNew {
		m.first = next
	}
	m.rec.Take(m.conclude())
	if err := m.rec.Adopt(ctx, v.seen); err != nil { // an empty set too makes the mailbox known
		return fetch.Fail(fetch.KindJournal, err)
	}
	return m.vacate(ctx, below(next).Minus(v.seen).Minus(v.found))
}

// below are the UIDs smaller than next.
func below(next uint32) journal.Set {
	var s journal.Set
	if next > 0 {
		s.AddRange(1, next-1)
	}
	return s
}

// confirm asks for the flags of each message, should what the searches found not be what the server counts or says of it
// elsewhere. RFC 9051 section 6.4.4 demands a result, but some servers give one in part, or of another folder.
func (m *mailbox) confirm(v *view) error {
	if m.s.doubts(v) || !v.fits(union(v.found, v.seen).Len()) {
		unseen, seen, err := m.s.flags(v)
		if err != nil {
			return err
		}
		v.found, v.seen, v.flagged = union(v.found, unseen).Minus(seen), seen, true
	}
	m.looked = time.Time{}
	if v.fits(union(v.found, v.seen).Len()) {
		m.looked = m.now()
	}
	return nil
}

func union(a, b journal.Set) journal.Set {
	all := a.Clone()
	all.AddSet(b)
	return all
}

// doubts tells whether searches contradict each other, or what SELECT said.
func (s *session) doubts(v *view) bool {
	if v.among != unread {
		return false
	}
	return v.found.IsEmpty() && s.guard.saidUnseen() || !v.found.And(v.seen).IsEmpty()
}

// compare finds what is new in a mailbox that we know. While there are as many messages as there should be with those that
// were found, these are all; else all UIDs are looked at.
func (m *mailbox) compare(ctx context.Context, v *view) error {
	census, done := m.rec.Census(), m.rec.Done()
	m.first, m.there, m.looked = census.First, uint64(census.Settled), time.Unix(census.Looked, 0)
	named := v.found
	v.found = named.Minus(done)
	if v.among == missed && v.fits(m.there+v.found.Len()) && !m.surprised(v, named, done) {
		last := v.found.Max()
		if v.uidNext > 0 { // what the server says of UIDs that it has not given out yet is not to be believed
			last = min(last, v.uidNext-1)
		}
		return m.vacate(ctx, below(last).Minus(done).Minus(v.found))
	}

	if v.among == missed && v.most > 0 {
		if err := v.search(m.s, m.s.startSearch(m.rec, complete), complete); err != nil {
			return err
		}
		named = v.found
	}
	v.found = named
	if err := m.confirm(v); err != nil {
		return err
	}
	return m.sift(ctx, v, done)
}

// surprised tells whether the server names a message under a UID that none had, or has gone back with UIDNEXT.
func (m *mailbox) surprised(v *view, named, done journal.Set) bool {
	if v.uidNext > 0 && v.uidNext < m.rec.UIDNext() {
		return true
	}
	known := named.And(done)
	return !known.IsEmpty() && !known.And(m.rec.Vacant()).IsEmpty()
}

// sift finds what is new in all that there is. A message under a vacant UID is new, unless it was there before us and is
// \Seen, or is one that we deleted.
func (m *mailbox) sift(ctx context.Context, v *view, done journal.Set) error {
	all, vacant := union(v.found, v.seen), m.rec.Vacant()
	v.found = all.Minus(done.Minus(vacant))
	surfaced := v.found.And(vacant)
	m.deleted.before = m.rec.Traces(surfaced)
	early := surfaced.And(below(m.first))
	for uid := range m.deleted.before {
		early = early.Minus(journal.SetOf(uid))
	}
	if err := m.leaveSeen(ctx, v, early); err != nil {
		return err
	}
	m.there = all.Minus(v.found).Len()
	gone := below(max(all.Max(), v.uidNext)).Minus(all).Minus(done)
	if !m.looked.IsZero() { // what was \Seen is there no more, and its UID may be given out again
		gone.AddSet(m.adopted().And(below(m.first)).Minus(all))
	}
	return m.vacate(ctx, gone)
}

// leaveSeen makes those of uids old that are \Seen.
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

// adopted are the UIDs of messages that were never to be delivered.
func (m *mailbox) adopted() journal.Set {
	return m.rec.Done().Minus(m.rec.Vacant()).Minus(m.rec.Delivered())
}

func (m *mailbox) vacate(ctx context.Context, uids journal.Set) error {
	if uids.IsEmpty() {
		return nil
	}
	return fetch.Fail(fetch.KindJournal, m.rec.Vacate(ctx, uids))
}
