package imap

import (
	"errors"
	"fmt"

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

// search is a UID SEARCH under way, with the one for too large messages beside it.
type search struct {
	s      *session
	all    *imapclient.SearchCommand
	larger *imapclient.SearchCommand
}

// startSearch sends the search for what may be new: everything the journal does not have, without asking for what it
// has. Nothing is waited for.
func (s *session) startSearch(rec record) *search {
	c := &imap.SearchCriteria{}
	switch {
	case s.a.FetchAll:
	case isFirst(rec):
		c.NotFlag = []imap.Flag{imap.FlagSeen}
	default:
		c.UID = []imap.UIDSet{missing(rec.Done())}
	}
	out := &search{s: s, all: s.sendSearch(c)}
	if s.a.Limit > 0 {
		larger := *c
		larger.Larger = s.a.Limit
		out.larger = s.sendSearch(&larger)
	}
	return out
}

func (s *session) sendSearch(c *imap.SearchCriteria) *imapclient.SearchCommand {
	var opt *imap.SearchOptions
	if s.has("ESEARCH") {
		opt = &imap.SearchOptions{ReturnAll: true}
	}
	return s.client.UIDSearch(c, opt)
}

// missing is what done lacks, up to "*".
func missing(done journal.Set) imap.UIDSet {
	var gaps journal.Set
	last := done.Max()
	gaps.AddRange(1, last)
	gaps = gaps.Minus(done)
	if len(gaps.String()) > maxSetText {
		first := gaps.Ranges()[0].First
		return imap.UIDSet{{Start: imap.UID(first)}}
	}
	out := uidSet(gaps)
	if last < ^uint32(0) {
		out = append(out, imap.UIDRange{Start: imap.UID(last + 1)})
	}
	return out
}

// wait returns what was found, and what of it is larger than the account's limit.
func (q *search) wait() (found, large journal.Set, err error) {
	if found, err = q.s.searched(q.all); q.larger != nil {
		var lerr error
		large, lerr = q.s.searched(q.larger)
		err = errors.Join(err, lerr)
	}
	return found, large, err
}

// searched waits for a search. It never expands a range: a hostile one names four thousand million UIDs.
func (s *session) searched(cmd *imapclient.SearchCommand) (journal.Set, error) {
	var set journal.Set
	data, err := cmd.Wait()
	if err != nil {
		return set, s.failed("search", err)
	}
	if data.All == nil && data.Count > 0 {
		return set, s.broken(fmt.Errorf("server found %d messages and did not name them", data.Count))
	}
	uids, ok := data.All.(imap.UIDSet)
	if !ok && data.All != nil {
		return set, s.broken(errors.New("server answered a search for UIDs with something else"))
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
		found, err := s.searched(s.sendSearch(&imap.SearchCriteria{UID: []imap.UIDSet{uidSet(part)}}))
		if err != nil {
			return out, err
		}
		out.AddSet(found.And(part))
	}
	return out, nil
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
