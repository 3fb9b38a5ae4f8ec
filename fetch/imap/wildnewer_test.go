package imap

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// newerSeeds is the first seed whose server may have the newer habits too: those before mean what they meant
// when they were found.
const newerSeeds = 1_000_000

// newer are habits of servers that were thought of later.
type newer struct {
	shrinks  bool // EXISTS falls without EXPUNGE, while others delete during the session
	nextLies int  // 1: UIDNEXT is too low, now and then; 2: it is the largest number
	backward bool // FETCH answers come in any order
	echoes   bool // FETCH lines that nobody asked for, with UID and flags, stand between the answers
	changes  bool // others set and take back \Seen during the session, of what is not new
	sizes    bool // RFC822.SIZE is not the literal's
	leaves   bool // BYE behind a part of what a search found
	noStore  bool // NO to STORE, now and then
	readOnly bool // SELECT gives a mailbox that is read-only, now and then
	mute     bool // a search that finds nothing has no result
	small    bool // untagged answers are in small letters
	blank    bool // a blank ends each line
	nothing  bool // BODY[] is NIL, now and then
	flagged  bool // flags come along with the body
	kiss     bool // BYE stands before the answer to any command, now and then, and the connection ends
}

// makeNewer draws the newer habits.
func (h *history) makeNewer() {
	if h.seed < newerSeeds {
		return
	}
	s, rng := h.wildServer, rand.New(rand.NewPCG(h.seed, 3))
	rare := func() bool { return rng.IntN(6) == 0 }
	s.newer = newer{
		shrinks: rare(), nextLies: max(0, rng.IntN(9)-6), backward: rare(), echoes: rare(), changes: rare(),
		sizes: rare(), leaves: rare(), noStore: rare(), readOnly: rare(), mute: rare(), small: rare(),
		blank: rare(), nothing: rare(), flagged: rare(), kiss: rare(),
	}
}

// dress is an answer as this server writes it.
func (s *wildServer) dress(line string) string {
	if !strings.HasPrefix(line, "* ") {
		return line
	}

	words, literal, _ := strings.Cut(line, "{")
	isPlain := len(words) == len(line)
	if s.small {
		// The tag is the client's word.
		words = strings.Replace(strings.ToLower(words), `(tag "t`, `(tag "T`, 1)
	}
	if isPlain && s.blank {
		words += " "
	}
	if !isPlain {
		words += "{" + literal
	}
	return words
}

// uidNextSaid is what UIDNEXT is said to be.
func (s *wildServer) uidNextSaid() uint32 {
	switch {
	case s.nextLies == 1 && s.maybe(30):
		low := max(1, s.next-uint32(s.rng.IntN(3)))
		if s.leastNext == 0 || low < s.leastNext {
			s.leastNext = low
		}
		return low
	case s.nextLies == 2 && s.maybe(30):
		return ^uint32(0)
	}
	return s.next
}

// meanwhile is what others do during the session.
func (c *wildSession) meanwhile() {
	if c.changes && c.maybe(30) && len(c.box) > 0 {
		if m := c.box[c.rng.IntN(len(c.box))]; c.known[m.id] {
			m.seen = !m.seen
		}
	}
	if c.shrinks && c.maybe(8) && len(c.shown) > 0 {
		m := c.shown[c.rng.IntN(len(c.shown))]
		if i := slices.Index(c.box, m); i >= 0 {
			c.box = slices.Delete(c.box, i, i+1)
			c.deleted = append(c.deleted, *m)
			c.gone = append(c.gone, m.id)
		}
		c.shown = slices.DeleteFunc(slices.Clone(c.shown), func(o *mail) bool { return o == m })
		c.say("* %d EXISTS", len(c.shown))
	}
}

// echo tells of messages that nobody asked about.
func (c *wildSession) echo() {
	if c.echoes && c.maybe(40) && len(c.shown) > 0 {
		i := c.rng.IntN(len(c.shown))
		m, flags := c.shown[i], ""
		if m.seen {
			flags = `\Seen`
		}
		c.say("* %d FETCH (UID %d FLAGS (%s))", i+1, m.uid, flags)
	}
}

// saidSize is the RFC822.SIZE of a message.
func (c *wildSession) saidSize(m *mail) int {
	size := len(m.text())
	if c.sizes {
		size += m.id%5 - 2
	}
	return size
}

// bodyless says that the message has no text, now and then.
func (c *wildSession) bodyless(n int, m *mail) bool {
	if !c.nothing || !c.maybe(15) {
		return false
	}
	c.say("* %d FETCH (UID %d BODY[] NIL)", n, m.uid)
	return true
}

// withFlags are the flags that come along with a body.
func (c *wildSession) withFlags(m *mail) string {
	switch {
	case !c.flagged:
		return ""
	case m.seen:
		return `FLAGS (\Seen $Old) `
	}
	return "FLAGS (NonJunk) "
}

// refusesStore tells whether a STORE, EXPUNGE or MOVE is refused, and answers it then.
func (c *wildSession) refusesStore(tag string) bool {
	switch {
	case c.isReadOnly:
		c.say("%s NO [READ-ONLY] it is read-only", tag)
	case c.noStore && c.maybe(30):
		c.say("%s NO can't store", tag)
	default:
		return false
	}
	return true
}

// takesLeave ends the session before the answer.
func (c *wildSession) takesLeave(format string, args ...any) error {
	if format != "" {
		c.say("%s", fmt.Sprintf(format, args...))
	}
	c.say("* BYE I have to go")
	return errDropped
}
