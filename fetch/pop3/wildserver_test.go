package pop3

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// habits are what a POP3 server does that others don't. Some are legal, some are not, and all were seen.
type habits struct {
	// UIDLs
	reuse    bool // the UIDL of a message that is gone is given out again
	numbered bool // a UIDL is the message's number in the session
	renew    bool // all UIDLs are other ones, now and then: the store was repaired
	twins    bool // two messages have one UIDL, now and then
	odd      bool // UIDLs have blanks, other bytes, and differ in the case of letters alone
	noUIDL   int  // 1: no session has UIDLs; 2: some are refused them, with a code; 3: without
	holes    int  // a list leaves a message out, now and then; 1: UIDL, 2: LIST

	// the list
	shuffled bool // numbers are in another order in each session
	backward bool // rows are in no order
	stat     int  // STAT counts a message too few (1) or too many (2), now and then
	sizes    int  // 1: bare LF is counted; 2: 0; 3: an estimate; 4: one that differs from session to session
	grows    bool // the server writes fields into messages
	view     int  // only so many are to be seen; 0 = all
	newest   bool // these are the newest
	popped   bool // what was retrieved is not listed any more (Gmail)

	// messages
	vanish  bool // others delete during a session
	some    bool // single messages are refused, now and then
	quota   int  // so many are given in a session, and all else is refused; 0 = any number
	bad     bool // some messages are never given
	top     int  // 1: TOP is unknown; 2: gives all; 3: is refused, now and then; 4: lacks the empty line
	drop    bool // connections end anywhere
	exact   bool // bodies come without a CRLF of the server's
	chatty  bool // answers are long, in small letters, or behind an empty line
	columns bool // rows have more than they need

	// the end
	atOnce  bool // DELE deletes at once
	abort   bool // what was to be deleted is deleted when the connection ends without QUIT
	holds   bool // QUIT is OK and nothing is deleted, now and then
	refuses bool // QUIT or DELE is refused, and a part is deleted, now and then
	quits   bool // QUIT is not answered, now and then, whatever was deleted
	back    bool // deleted messages come back, now and then

	// the way in
	pipelines int  // 0: it is not offered; 1: it is; 2: it is, and ends the connection
	capa      int  // 1: unknown; 2: refused behind the login, now and then; 3: says nothing there
	busy      bool // the maildrop is locked for a while when a connection was lost
	turns     bool // logins are refused, now and then
}

// letter is a message on a wild server.
type letter struct {
	id      int
	uidl    string
	text    string
	written string // what the server has written into its header
	bad     string // how it is never given: "drop", "within" or "refuse"
	comes   int    // how often it comes back when it was deleted
	popped  bool   // it was retrieved
	number  int    // in the last session
	noUIDL  bool   // it was retrieved where there were no UIDLs
}

// whole is the message as the server has it now.
func (m *letter) whole() string {
	if m.written == "" {
		return m.text
	}
	return m.written + m.text
}

// wildServer has one maildrop, and habits.
type wildServer struct {
	habits
	rng     *rand.Rand
	mu      sync.Mutex
	box     []*letter
	free    []string // UIDLs of messages that are gone
	last    int      // id
	given   int      // UIDLs
	calm    bool
	locked  int // logins that are refused yet
	log     []string
	deletes func(*letter)          // is told of each message that we delete
	hears   func(verb string) bool // true ends the connection
	gone    func(*letter)          // is told of each message that others delete
	renamed func(*letter)          // is told of each that has another UIDL
	stays   func(*letter)          // is told of each that is there although its deletion was confirmed
}

func (s *wildServer) maybe(percent int) bool { return !s.calm && s.rng.IntN(100) < percent }

func (s *wildServer) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

// receive puts n new messages into the maildrop.
func (s *wildServer) receive(n int) {
	for range n {
		s.last++
		m := &letter{id: s.last, text: textOf(s.last, s.exact)}
		switch {
		case s.twins && len(s.box) > 0 && s.maybe(25):
			m.uidl = s.box[s.rng.IntN(len(s.box))].uidl
		case s.reuse && len(s.free) > 0 && s.maybe(60):
			m.uidl, s.free = s.free[0], s.free[1:]
		default:
			m.uidl = s.newUIDL()
		}
		if s.bad && s.maybe(12) {
			m.bad = []string{"drop", "within", "refuse"}[s.rng.IntN(3)]
		}
		if s.back && s.maybe(20) {
			m.comes = 1 + s.rng.IntN(2)
		}
		s.box = append(s.box, m)
		s.note("-- %d comes as %q, bad %q, back %d times", m.id, m.uidl, m.bad, m.comes)
	}
}

// textOf is the text of a message. Some have the length of others.
func textOf(id int, exact bool) string {
	text := fmt.Sprintf("Subject: %d\r\nFrom: a@b.example\r\n\r\n%s\r\n.\r\n..dots\r\n", id,
		strings.Repeat("x", id%2))
	if id%5 == 0 {
		text += strings.Repeat("line\r\n", 200)
	}
	if exact {
		text += "\r\n"
	}
	return text
}

func (s *wildServer) newUIDL() string {
	s.given++
	n := s.given
	if !s.odd {
		return fmt.Sprintf("u%d", n)
	}
	letters := []string{"a%d", "A%d", "a %d", "\x80%d", `\x%d`, "<%d@mail.example.org>", ".%d", "%d"}
	return fmt.Sprintf(letters[n%len(letters)], n/len(letters))
}

// rename gives all messages other UIDLs.
func (s *wildServer) rename() {
	for _, m := range s.box {
		m.uidl = s.newUIDL()
		s.renamed(m)
	}
	s.free = nil
}

// remove takes a message out of the maildrop.
func (s *wildServer) remove(m *letter) {
	s.box = slices.DeleteFunc(s.box, func(b *letter) bool { return b == m })
	isTwin := false
	for _, b := range s.box {
		if b.uidl == m.uidl { // it had to be told by its content, and has the UIDL to itself now
			isTwin = true
			s.renamed(b)
		}
	}
	if !isTwin {
		s.free = append(s.free, m.uidl)
	}
}

// visible are the messages that a new session sees, by their numbers.
func (s *wildServer) visible() []*letter {
	shown := slices.Clone(s.box)
	if s.popped {
		shown = slices.DeleteFunc(shown, func(m *letter) bool { return m.popped })
	}
	switch {
	case s.view == 0 || len(shown) <= s.view:
	case s.newest:
		shown = shown[len(shown)-s.view:]
	default:
		shown = shown[:s.view]
	}
	if s.shuffled {
		s.rng.Shuffle(len(shown), func(i, j int) { shown[i], shown[j] = shown[j], shown[i] })
	}
	return shown
}
