package imap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"fetchd/fetch/journal"
	"fetchd/fetch/pattern"
)

// flagsPage is the number of messages whose flags are asked for at once.
const flagsPage = 1000

// flags asks for the flags of every message. They are reliable where the results of searches are not. The
// last page has no end: the count of messages may be as wrong as the searches.
func (s *session) flags(v *view) (fresh, seen journal.Set, err error) {
	if v.most > maxMessages {
		return fresh, seen, s.broken(fmt.Errorf("server claims to have %d messages", v.most))
	}

	isLast := false
	for n := uint32(1); n <= v.most; {
		size := min(flagsPage, s.guard.messageLimit())
		// By sequence numbers: it is UIDs that this server has not told us reliably.
		page := imap.SeqSet{{Start: n, Stop: n + size - 1}}
		if isLast || page[0].Stop >= v.most {
			page[0].Stop = 0 // "*"
		}

		someFresh, someSeen, err := s.fetchFlags(page)
		if err != nil {
			return fresh, seen, err
		}
		fresh.AddSet(someFresh)
		seen.AddSet(someSeen)
		v.count(s)
		if s.guard.messageLimit() < size { // it has just said that the page was too large
			continue
		}
		if isLast {
			break
		}
		// Numbers have no gaps, so a page of none is behind all messages, whatever their count is said to be.
		n, isLast = n+size, someFresh.IsEmpty() && someSeen.IsEmpty()
	}

	// A message may have been reported twice, and have been read by another program in between: \Seen counts.
	return fresh.Minus(seen), seen, nil
}

// fetchFlags asks for the flags of some messages.
func (s *session) fetchFlags(of imap.NumSet) (fresh, seen journal.Set, err error) {
	// At all other times the guard drops flags, as imapclient can't parse all that servers put into them.
	s.guard.expectFlags(true)
	defer s.guard.expectFlags(false)
	msgs, err := s.client.Fetch(of, &imap.FetchOptions{UID: true, Flags: true}).Collect()
	if err != nil {
		return fresh, seen, s.failed("fetch flags", err)
	}

	for _, msg := range msgs {
		switch {
		case msg.UID == 0:
		case slices.Contains(msg.Flags, imap.FlagSeen):
			seen.Add(uint32(msg.UID))
		default:
			fresh.Add(uint32(msg.UID))
		}
	}

	return fresh, seen, nil
}

// flagsOf asks for the flags of those of uids that are there.
func (s *session) flagsOf(uids journal.Set) (fresh, seen journal.Set, err error) {
	for !uids.IsEmpty() {
		size := s.guard.messageLimit()
		part, rest := headText(uids, min(uids.Len(), uint64(size)))
		someFresh, someSeen, err := s.fetchFlags(uidSet(part))
		if err != nil {
			return fresh, seen, err
		}
		fresh.AddSet(someFresh)
		seen.AddSet(someSeen)
		if s.guard.messageLimit() >= size { // as above
			uids = rest
		}
	}
	return fresh.Minus(seen), seen, nil
}

// amongSeen asks which of uids are \Seen.
func (s *session) amongSeen(uids journal.Set) (journal.Set, error) {
	return s.among(uids, imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}},
		func(_, seen journal.Set) journal.Set { return seen })
}

// amongUnseen asks which of uids are not.
func (s *session) amongUnseen(uids journal.Set) (journal.Set, error) {
	return s.among(uids, imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagSeen}},
		func(fresh, _ journal.Set) journal.Set { return fresh })
}

// among searches uids, or picks from their flags if the server refuses that.
func (s *session) among(uids journal.Set, c imap.SearchCriteria,
	pick func(fresh, seen journal.Set) journal.Set) (journal.Set, error) {
	var out journal.Set
	for !uids.IsEmpty() {
		var part journal.Set
		part, uids = headText(uids, uids.Len())
		c.UID = []imap.UIDSet{uidSet(part)}
		found, err := s.search(c)
		if isRefused(err) {
			var fresh, seen journal.Set
			fresh, seen, err = s.flagsOf(part)
			found = pick(fresh, seen)
		}
		if err != nil {
			return out, err
		}
		out.AddSet(found.And(part))
	}
	return out, nil
}

// flagList finds the flags in a line of a FETCH response.
var (
	flagList = pattern.New(`(?i)[( ]FLAGS \(([^)]*)\)`)
	fetchNum = pattern.New(`(?i)^\* (\d{1,10}) FETCH `)
)

// wantedFlags is the part of a line with flags that imapclient is to see: nothing while flags are of no
// interest, and otherwise only \Seen, because flags may hold characters that it can't parse.
func (g *guard) wantedFlags(line []byte) []byte {
	g.mu.Lock()
	wanted := g.flags
	g.mu.Unlock()
	num, uid := fetchNum().FindSubmatch(line), namedUID().FindSubmatch(line)
	flags := flagList().FindSubmatch(line)
	if !wanted || num == nil || uid == nil || flags == nil {
		return nil
	}

	seen := ""
	for _, flag := range strings.Fields(string(flags[1])) {
		if strings.EqualFold(flag, `\Seen`) {
			seen = `\Seen`
		}
	}
	return fmt.Appendf(nil, "* %s FETCH (UID %s FLAGS (%s))\r\n", num[1], uid[1], seen)
}
