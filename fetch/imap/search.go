package imap

import (
	"errors"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"fetchd/fetch/journal"
)

const (
	// maxMessages bounds what a mailbox may claim to hold; the largest in use have some millions.
	maxMessages = 50_000_000
	// maxSetText bounds the text of a UID set in a command: RFC 9051 names no limit, servers take 8 KB.
	maxSetText = 6 << 10
)

// query is a UID SEARCH under way.
type query struct {
	criteria       imap.SearchCriteria
	extended       bool // SEARCH RETURN
	beforeSelected bool // it was sent before SELECT was answered
	cmd            *imapclient.SearchCommand
	tag            string
}

// search is a query for what may be new, and another one for messages that are too large.
type search struct {
	s      *session
	all    query
	larger *query
}

// scope says which messages a look searches.
type scope int

const (
	missed   scope = iota // those that the journal does not have; it names no others
	unread                // those without \Seen, at first contact
	complete              // all
)

// startSearch sends the search for what may be new. It waits for nothing.
func (s *session) startSearch(rec record, among scope) *search {
	c := imap.SearchCriteria{}
	switch among {
	case unread:
		c.NotFlag = []imap.Flag{imap.FlagSeen}
	case missed:
		c.UID = []imap.UIDSet{missing(rec.Done())}
	}

	out := &search{s: s, all: s.sendSearch(c)}
	if s.a.Limit > 0 {
		c.Larger = s.a.Limit
		// Sent at once with the first one. Asking for the size of each message would take far longer.
		larger := s.sendSearch(c)
		out.larger = &larger
	}
	return out
}

func (s *session) sendSearch(c imap.SearchCriteria) query {
	q := query{criteria: c, beforeSelected: s.selecting, extended: s.has("ESEARCH") &&
		!s.quirks.noReturn.Has(server(s.a))}
	var opt *imap.SearchOptions
	if q.extended {
		opt = &imap.SearchOptions{ReturnAll: true}
	}
	q.cmd = s.client.UIDSearch(&c, opt)
	q.tag = s.guard.lastTag("UID SEARCH")
	return q
}

// missing are the UIDs that done lacks, up to "*".
func missing(done journal.Set) imap.UIDSet {
	var gaps journal.Set
	last := done.Max()
	gaps.AddRange(1, last)
	gaps = gaps.Minus(done)
	// A journal with many gaps, say of a mailbox that others clean up too. Searching from the first gap finds
	// more than is new, which the journal sorts out.
	if len(gaps.String()) > maxSetText {
		first := gaps.Ranges()[0].First
		return imap.UIDSet{{Start: imap.UID(first)}}
	}

	out := uidSet(gaps)
	if last < ^uint32(0) {
		// "last+1:*" names at least the newest message even if there is nothing beyond last (RFC 9051 section
		// 9); the journal knows that one.
		out = append(out, imap.UIDRange{Start: imap.UID(last + 1)})
	}
	if len(out) == 0 { // nothing can come any more; the journal knows this one too
		out = imap.UIDSet{{Start: imap.UID(last), Stop: imap.UID(last)}}
	}
	return out
}

// wait returns what was found, and which of these messages are larger than the account's limit.
func (q *search) wait() (found, large journal.Set, err error) {
	if found, err = q.s.searched(q.all); q.larger != nil {
		var lerr error
		if large, lerr = q.s.searched(*q.larger); err == nil || !isRefused(lerr) {
			err = errors.Join(err, lerr)
		}
	}
	return found, large, err
}

// search sends a search and waits for it.
func (s *session) search(c imap.SearchCriteria) (journal.Set, error) {
	return s.searched(s.sendSearch(c))
}

// maxPages bounds how often a search is continued. The smallest limit that RFC 9738 has in mind is 1,000
// messages.
const maxPages = 10_000

// searched waits for a search. If the server says that it searched only a part of the messages (RFC 9738),
// the rest is asked for too, starting at the UID where it ended.
func (s *session) searched(q query) (journal.Set, error) {
	found, q, err := s.accepted(q)
	if err != nil {
		return found, err
	}

	page, within := found, q.criteria.UID
	for range maxPages {
		last, limited := s.guard.limited(q.tag)
		if !limited {
			return found, nil
		}

		rest := imap.UIDRange{Start: 1, Stop: imap.UID(last - 1)} // the newest come first
		// RFC 9738 lets a server start with the newest; one that started with the oldest ended at the highest
		// UID of its page.
		if page.Len() > 1 && page.Max() == last {
			rest = imap.UIDRange{Start: imap.UID(last + 1)}
		}
		if rest.Stop == 0 && rest.Start <= 1 {
			return found, nil
		}

		// Several sets in one search are all to hold: the rest of what was asked for at first.
		q.criteria.UID = append(slices.Clone(within), imap.UIDSet{rest})
		q = s.sendSearch(q.criteria)
		if page, err = s.result(q); err != nil {
			return found, err
		}

		found.AddSet(page)
	}

	return found, s.broken(fmt.Errorf("server did not end a search in %d parts", maxPages))
}

// accepted waits for the first part of a search. A server that calls the command BAD is asked again: first
// with the command alone, if it was sent before SELECT was answered, and then without RETURN. What helps is
// remembered.
func (s *session) accepted(q query) (journal.Set, query, error) {
	found, err := s.result(q)
	// BAD may have come only because nothing was selected yet, so that is tried first: it costs least.
	if q.beforeSelected && isBad(err) {
		q = s.sendSearch(q.criteria)
		if found, err = s.result(q); err == nil {
			s.quirks.oneAtATime.Add(server(s.a))
		}
	}
	if q.extended && isBad(err) {
		s.quirks.noReturn.Add(server(s.a))
		q = s.sendSearch(q.criteria)
		found, err = s.result(q)
	}
	return found, q, err
}

// refusedSearch is the error of a search that the server refused, though perhaps not other commands.
type refusedSearch struct {
	error
	bad bool // it was taken for no command, or RETURN was not understood
}

func (r refusedSearch) Unwrap() error { return r.error }

func isBad(err error) bool {
	var refused refusedSearch
	return errors.As(err, &refused) && refused.bad
}

// isRefused tells whether another command may find out what this search was for.
func isRefused(err error) bool {
	var refused refusedSearch
	return errors.As(err, &refused)
}

// result waits for one part of a search. It never expands a range: a hostile one may name four thousand
// million UIDs.
func (s *session) result(q query) (journal.Set, error) {
	var set journal.Set
	data, err := q.cmd.Wait()
	if err != nil {
		failed := s.failed("search", err)
		var no *imap.Error
		if !errors.As(err, &no) || s.conn.Err() != nil {
			return set, failed
		}
		if _, over := s.refused("search", no); over {
			return set, failed
		}
		return set, refusedSearch{failed, no.Type == imap.StatusResponseTypeBad}
	}
	uids, ok := data.All.(imap.UIDSet)
	switch {
	case s.guard.wasGarbled():
		err = errors.New("server answered a search with what are no UIDs")
	// A mistake here would make new mail look as if it did not exist.
	case data.All == nil && data.Count > 0:
		err = fmt.Errorf("server found %d messages and did not name them", data.Count)
	case !ok && data.All != nil: // sequence numbers, or UIDs: it can't be told
		err = errors.New("server answered a search for UIDs with something else")
	}
	if err != nil {
		return set, refusedSearch{err, q.extended}
	}

	for _, r := range uids {
		if r.Start == 0 || r.Stop == 0 {
			return set, s.broken(fmt.Errorf("server answered a search with %q", uids.String()))
		}
		set.AddRange(uint32(r.Start), uint32(r.Stop))
	}

	if set.Len() > maxMessages {
		return set, s.broken(fmt.Errorf("server claims to have found %d messages", set.Len()))
	}

	return set, nil
}

// exists asks which of uids are still there.
func (s *session) exists(uids journal.Set) (journal.Set, error) {
	var out journal.Set
	for !uids.IsEmpty() {
		var part journal.Set
		part, uids = headText(uids, uids.Len())
		found, err := s.search(imap.SearchCriteria{UID: []imap.UIDSet{uidSet(part)}})
		if isRefused(err) {
			found, err = s.fetchable(part)
		}
		if err != nil {
			return out, err
		}
		// Only of those that were asked about: a result with more would make something exist for other
		// callers.
		out.AddSet(found.And(part))
	}
	return out, nil
}

// remaining is exists for messages that would be taken for deleted: a search may name a part only.
func (s *session) remaining(uids journal.Set) (journal.Set, error) {
	there, err := s.exists(uids)
	if err != nil {
		return there, err
	}
	unnamed, err := s.fetchable(uids.Minus(there))
	return union(there, unnamed), err
}

// fetchable asks which of uids are still there, without a search.
func (s *session) fetchable(uids journal.Set) (journal.Set, error) {
	fresh, seen, err := s.flagsOf(uids)
	return union(fresh, seen).And(uids), err
}

// headText is Set.Head, with fewer UIDs where their text would pass maxSetText.
func headText(s journal.Set, n uint64) (head, rest journal.Set) {
	for {
		head, rest = s.Head(n)
		if n <= 1 || len(head.String()) <= maxSetText {
			return head, rest
		}
		n = min(n, head.Len()) / 2
	}
}
