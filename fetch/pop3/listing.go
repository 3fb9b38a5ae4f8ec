package pop3

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	gopop3 "github.com/knadh/go-pop3"

	"fetchd/fetch"
	"fetchd/fetch/journal"
	"fetchd/tlsverify/hints"
)

// Bounds of a listing.
const (
	// maxRow is the longest row of UIDL or LIST. RFC 1939 section 7 has UIDLs of at most 70 printable
	// characters; longer ones and other bytes are accepted (fetchmail's SA-2005-01 came from trusting the RFC
	// here).
	maxRow = 4096
	// maxMessages and maxUIDLs (bytes in all of them, as they are kept) keep a listing within some 200 MB,
	// whatever the server says. It takes 27 years to fill a maildrop with a million messages at a hundred a
	// day.
	maxMessages = 1 << 20
	maxUIDLs    = 64 << 20
	maxSize     = 1 << 62
)

// row is what the server lists about one message; the message's number is the row's place, from 1.
type row struct {
	uidl    string // "" = it can't be identified by one: it has none, or that of an earlier message
	size    int64
	listed  bool  // in the list that was read last
	left    bool  // a list lacks it, so it is left to another session
	gap     bool  // both lists lack it: there is no message of this number
	done    bool  // the journal knows uidl as delivered or old
	pending bool  // the journal knows uidl as not yet deleted
	adopted bool  // the journal knows uidl as one that is never to be delivered or deleted
	before  int64 // the size of the message that is pending, 0 = unknown
}

// listing is the state of a maildrop.
type listing struct {
	octets int64
	rows   []row
	uidl   bool // the server knows UIDL
	counts int  // how many messages there are, according to STAT
	left   int  // how many of rows are left
	gaps   int  // how many of them are no message

	noSize string // the first row of LIST without a size, quoted; "" = each has one

	nth []int32 // see place; nil = each message has a UIDL
}

// spare is by how many rows a list may be longer than STAT said, and by as many again as have come.
const spare = 100

// most is the highest number that may come when so many rows have: STAT may be wrong, but a hostile number
// must not make room for as many rows.
func (l *listing) most(rows int) int64 {
	return int64(min(max(l.counts, 2*rows+spare), maxMessages))
}

// askList asks for the maildrop's state: capabilities, totals, UIDLs and sizes, all at once if the server
// pipelines.
func (s *session) askList() (together bool, _ error) {
	together = s.pipelining()
	s.together = together
	if s.caps != nil {
		if err := s.c.WriteLine("CAPA", ""); err != nil {
			return false, network("CAPA", err)
		}
	}
	if together {
		// All in one write, and so in one round trip.
		if err := s.client.line.writeAhead("STAT", "UIDL", "LIST"); err != nil {
			return false, network("STAT", err)
		}
	}
	return together, nil
}

// list reads the answers to askList, and asks for what could not be asked for at once. record gets to see
// each UIDL.
func (s *session) list(record *journal.Maildrop, together bool) (*listing, error) {
	if s.caps != nil {
		caps, refused, err := readCapabilities(s.c)
		if err != nil {
			return nil, err
		}
		s.caps, s.noCAPA = caps, refused
	}

	l := new(listing)
	messages, err := s.stat(l)
	if l.counts = messages; err != nil || messages == 0 && !together {
		return l, err
	}

	l.uidl, err = s.listUIDL(l, record, messages)
	if err != nil {
		return nil, err
	}

	if err := s.listSizes(l, messages); err != nil {
		return nil, err
	}
	s.checkCount(l)
	l.countAlike()
	return l, nil
}

// checkCount tells, once, of a server that counts messages which no list names. What can be retrieved is in
// the lists, so it is no error.
func (s *session) checkCount(l *listing) {
	if l.counts <= l.messages() || s.a.Log == nil || s.quirks.miscounts.Has(s.host) {
		return
	}
	s.quirks.miscounts.Add(s.host)
	s.a.Log.Warn(fetch.EventUnlisted, "account", s.a.Name, "mailbox", "", "count", l.counts-l.messages())
}

// stat asks how many messages there are. How large they are together is only shown, and some servers give a
// negative sum beyond 2 GB, or none.
func (s *session) stat(l *listing) (messages int, err error) {
	var answer []byte
	err = s.client.run(func(c *gopop3.Conn) error {
		text, err := c.Cmd("STAT", false)
		if err == nil {
			answer = text.Bytes()
		}
		return err
	})
	if err != nil {
		return 0, classify(err)
	}

	count, rest := cutWord(bytes.Trim(answer, " \t"))
	n, ok := number(count, maxMessages)
	if !ok {
		return 0, outOfStep(s.c, fmt.Errorf("STAT: %s is no number of messages", s.c.Quoted(count)))
	}
	size, _ := cutWord(rest)
	l.octets, _ = number(size, maxSize)
	return int(n), nil
}

// roomFor is the number of messages for which room is made on a server's mere word. Once that many have come,
// room is made for all: growing step by step would take half as much again.
const roomFor = 100_000

// duplicatesNamed is how many messages with the UIDL of another get a line of their own in the log.
const duplicatesNamed = 5

// listUIDL fills in the UIDLs. It returns false if the server has none.
func (s *session) listUIDL(l *listing, record *journal.Maildrop, messages int) (bool, error) {
	err := s.client.command("UIDL")
	if messages == 0 && refusal(s.c, err) != nil { // some servers refuse to list an empty maildrop
		return true, nil
	}
	if has, err := s.hasUIDL(record, err); !has {
		return false, err
	}

	l.rows = make([]row, 0, min(messages, roomFor))
	rows, bytes, same := 0, 0, 0
	err = s.readRows("UIDL", l, func(num int, rest []byte) error {
		l.grow(num)
		// By now the server has sent megabytes itself, so its number is credible.
		if rows++; rows == roomFor {
			l.rows = slices.Grow(l.rows, messages-len(l.rows))
			record.Grow(messages - rows)
		}

		r := &l.rows[num-1]
		// With two UIDLs for one message, one of them is another's: nothing in this list can be believed.
		if r.listed {
			return errors.New("a second UIDL for the same message")
		}
		if len(rest) == 0 { // as if it were not in the list
			return nil
		}

		r.listed = true
		sight := record.MarkListed(rest)
		// A hostile server could list a million UIDLs of 4 KB each.
		if bytes += sight.Held; bytes > maxUIDLs {
			return fmt.Errorf("more than %d bytes of UIDLs", maxUIDLs)
		}
		if sight.Again {
			// RFC 1939 allows copies to share a UIDL. Which of them was delivered can't be told, so all but
			// the first are identified by their content.
			if same++; same <= duplicatesNamed {
				s.logDuplicate(num, rest)
			}
			return nil
		}

		r.uidl, r.done, r.pending, r.before = sight.UIDL, sight.Done, sight.Pending, sight.Size
		r.adopted = sight.Adopted
		return nil
	})

	if err != nil {
		return false, err
	}
	if same > duplicatesNamed && s.a.Log != nil {
		s.a.Log.Warn(fetch.EventSameUIDL, "account", s.a.Name, "mailbox", "", "count", same-duplicatesNamed)
	}

	l.leaveUnlisted()
	return true, nil
}

// hasUIDL tells whether the server has UIDLs, where err is the result of the command. What was retrieved by
// them is not told by anything else.
func (s *session) hasUIDL(record *journal.Maildrop, err error) (bool, error) {
	refused := refusal(s.c, err)
	// Only a server that neither offers UIDL nor gives another reason, by a code, is believed to have none.
	if refused != nil && refused.Code == "" && !s.caps.has("UIDL") {
		if !record.AwaitsDeletion(contentPrefix) {
			return false, nil
		}
		err = hints.Add(err, "what is still to be deleted is known by the UIDLs that the server gave before")
	}
	// One that only today has no UIDLs must not make everything look new.
	return err == nil, classify(err)
}

// listSizes fills in the sizes.
func (s *session) listSizes(l *listing, messages int) error {
	if err := s.client.command("LIST"); err != nil {
		// As with UIDL: some servers refuse to list nothing.
		if messages == 0 && refusal(s.c, err) != nil {
			return nil
		}
		return classify(err)
	}

	for i := range l.rows {
		// Used once more, for LIST.
		l.rows[i].listed = false
	}

	known := len(l.rows)
	err := s.readRows("LIST", l, func(num int, rest []byte) error {
		l.grow(num)
		r := &l.rows[num-1]
		size, _ := cutWord(rest) // more may follow (RFC 1939 section 5)
		if r.listed {
			return errors.New("a second size for the same message")
		}
		n, ok := number(size, maxSize)
		if !ok { // as if it were not in the list: servers that count in 32 bits have negative sizes
			l.noSize = cmp.Or(l.noSize, s.c.Quoted(fmt.Appendf(nil, "%d %s", num, rest)))
			return nil
		}
		r.size, r.listed = n, true
		r.left = r.left || l.uidl && int(num) > known // UIDL lacks it
		return nil
	})

	if err != nil {
		return err
	}

	l.leaveUnlisted()
	return nil
}

// grow makes room for message num while rows arrive, so that memory grows with what was sent, not with what
// was announced.
func (l *listing) grow(num int) {
	for len(l.rows) < num {
		l.rows = append(l.rows, row{})
	}
}

// leaveUnlisted leaves out messages that the list which was read last lacks: without its size, or without the
// UIDL that others have, nobody knows what is to be done with one.
func (l *listing) leaveUnlisted() {
	l.left, l.gaps = 0, 0
	for i := range l.rows {
		r := &l.rows[i]
		lacking := r.left || !l.uidl
		if r.left = r.left || !r.listed; !r.left {
			continue
		}
		if r.gap = lacking && !r.listed; r.gap {
			l.gaps++
		} else {
			l.left++
		}
	}
}

// messages is how many messages the lists name.
func (l *listing) messages() int { return len(l.rows) - l.gaps }

// disagree is the error of a server whose lists lack messages; nil = there is none.
func (l *listing) disagree() error {
	if l.left == 0 {
		return nil
	}
	row := ""
	if l.noSize != "" {
		row = "; LIST has a row " + l.noSize
	}
	return fetch.Fail(fetch.KindServer, hints.Errorf("if it stays so, use IMAP, or ask the server's operator",
		"UIDL and LIST don't name the same messages: %d of %d were left on the server until they do%s",
		l.left, l.messages(), row))
}

// readRows reads the rows "number text" of a list up to its end.
func (s *session) readRows(command string, l *listing, each func(num int, rest []byte) error) error {
	for rows := 0; ; rows++ {
		line, err := s.c.ReadLine(maxRow)
		if err != nil {
			return network(command, err)
		}
		// A row begins with a number, so there are no stuffed dots to remove.
		text, rest := cutWord(bytes.Trim(line, " \t"))
		if string(text) == "." && len(rest) == 0 {
			return nil
		}

		num, ok := number(text, l.most(rows))
		if !ok || num == 0 {
			err = errors.New("no number of a message")
		} else {
			err = each(int(num), rest)
		}
		if err != nil {
			return outOfStep(s.c, fmt.Errorf("%s: malformed row %s: %w", command, s.c.Quoted(line), err))
		}
	}
}

// cutWord cuts text at the first blank or tab, which some servers write too many of.
func cutWord(text []byte) (word, rest []byte) {
	for i, c := range text { // the word is short, and there may be a million
		if c == ' ' || c == '\t' {
			return text[:i], bytes.TrimLeft(text[i:], " \t")
		}
	}
	return text, nil
}

// number reads a decimal number of at most limit.
func number(text []byte, limit int64) (int64, bool) {
	if len(text) == 0 || len(text) > 19 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil && n <= limit
}

func (s *session) logDuplicate(num int, uidl []byte) {
	if s.a.Log != nil {
		s.a.Log.Warn(fetch.EventSameUIDL, "account", s.a.Name, "mailbox", "", "n", num, "uid",
			s.c.Printable(uidl))
	}
}
