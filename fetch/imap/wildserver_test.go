package imap

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"

	"fetchd/fetch/journal"
)

// habits are what a server does that others don't. Some are legal, some are not, and all were seen.
type habits struct {
	limit     int  // it processes so many messages in one command, and says so (RFC 9738); 0 = all
	partial   int  // a search names so many at most, without a word; 0 = all
	view      int  // only so many, the newest, are to be seen (Yahoo); 0 = all
	unseen    bool // searches for what is not seen find nothing (maddy)
	reuse     bool // the lowest UID of a deleted message is given out again (GNU Mailutils)
	late      bool // messages turn up under UIDs below others
	renumber  bool // now and then the mailbox gets another UIDVALIDITY
	drop      bool // connections end anywhere
	others    bool // other clients delete and read
	hold      bool // EXPUNGE says OK and removes nothing, now and then
	back      bool // deleted messages come back, now and then
	uidplus   bool
	esearch   bool
	shuffle   bool // search results are in no order
	kept      bool // the client keeps its connection: mail comes and goes during a session
	oldest    bool // what is limited, or left out, begins with the oldest
	stale     bool // EXISTS is what it was at the session before, now and then
	refuse    bool // NO to any command, now and then
	noise     bool // what nobody asked for stands between the answers
	uidNext   int  // 1: none is said; 2: one too high, now and then
	omit      bool // FETCH leaves messages out, or names them twice, now and then
	bodyFirst bool // the UID comes behind the body
	auto      bool // what is marked as deleted is removed at once
	noUID     bool // UID EXPUNGE is offered, and BAD
	peeks     bool // what was fetched is \Seen, although it was peeked at
	noSeen    bool // searches for \Seen are BAD
	doubled   bool // search results name UIDs twice, and some that are not there
	split     bool // search results come in several lines
}

// mail is a message on a wild server.
type mail struct {
	uid           uint32
	id            int
	seen, deleted bool
}

func (m *mail) text() string { return fmt.Sprintf("Subject: %d\r\n\r\nbody %d\r\n", m.id, m.id) }

// wildServer has one mailbox, and habits.
type wildServer struct {
	habits
	newer
	rng      *rand.Rand
	mu       sync.Mutex
	box      []*mail // by UID
	validity uint32
	next     uint32
	free     []uint32 // UIDs of messages that the client deleted
	deleted  []mail
	last     int // id
	calm     bool
	log      []string
	counted  int          // EXISTS of the session before
	known    map[int]bool // ids that may be read and unread by others: they are not new any more
	gone     []int        // ids that others deleted during a session

	selected  []*mail  // what SELECT showed
	told      sync.Map // ids of messages of which the client was told all that it asked for last
	said      uint32   // the last UIDNEXT; 0 = none
	leastNext uint32   // the smallest UIDNEXT that was too low; 0 = none was
}

func (s *wildServer) maybe(percent int) bool { return !s.calm && s.rng.IntN(100) < percent }

// receive puts n new messages into the mailbox.
func (s *wildServer) receive(n int, seen bool) {
	for range n {
		s.last++
		s.insert(&mail{uid: s.newUID(), id: s.last, seen: seen})
	}
}

func (s *wildServer) insert(m *mail) {
	s.box = append(s.box, m)
	slices.SortFunc(s.box, func(a, b *mail) int { return int(a.uid) - int(b.uid) })
	s.next = max(s.next, m.uid+1)
	if s.reuse {
		s.next = s.box[len(s.box)-1].uid + 1
	}
}

func (s *wildServer) newUID() uint32 {
	switch {
	case s.reuse && len(s.free) > 0:
		slices.Sort(s.free)
		uid := s.free[0]
		s.free = s.free[1:]
		return uid
	case s.late && s.maybe(50):
		s.next += 3 // leaves room for those that come late
		return s.next - 1
	case s.late:
		for uid := s.next; uid > 1; uid-- {
			if !s.used(uid) {
				return uid
			}
		}
	}
	return s.next
}

func (s *wildServer) used(uid uint32) bool {
	return slices.ContainsFunc(s.box, func(m *mail) bool { return m.uid == uid }) ||
		slices.ContainsFunc(s.deleted, func(m mail) bool { return m.uid == uid })
}

// between is what happens while no client of ours is connected.
func (s *wildServer) between() {
	s.receive(s.rng.IntN(4), false)
	if s.back && len(s.deleted) > 0 && s.maybe(40) {
		m := s.deleted[s.rng.IntN(len(s.deleted))]
		if !slices.ContainsFunc(s.box, func(b *mail) bool { return b.uid == m.uid || b.id == m.id }) {
			m.deleted = false
			s.insert(&m)
			s.free = slices.DeleteFunc(s.free, func(uid uint32) bool { return uid == m.uid })
		}
	}
	if s.renumber && s.maybe(25) {
		s.validity++
		for i, m := range s.box {
			m.uid = uint32(i + 1)
		}
		s.next = uint32(len(s.box) + 1)
		s.free, s.deleted = nil, nil
	}
}

// visible are the messages that the server shows.
func (s *wildServer) visible() []*mail {
	if s.view > 0 && len(s.box) > s.view {
		return s.box[len(s.box)-s.view:]
	}
	return s.box
}

var errDropped = errors.New("dropped")

// wildSession is one client's connection to a wild server.
type wildSession struct {
	*wildServer
	out           *bufio.Writer
	shown         []*mail // what the client was told of, in the order of their numbers
	validityShown uint32  // 0 = no mailbox is selected
	isReadOnly    bool
}

// serve speaks with one client.
func (s *wildServer) serve(conn net.Conn) {
	defer conn.Close()
	lines := make(chan string, 10_000)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(conn); in.Scan(); {
			lines <- in.Text()
		}
	}()
	c := &wildSession{wildServer: s, out: bufio.NewWriter(conn)}
	s.mu.Lock()
	c.greet()
	s.mu.Unlock()
	_ = c.out.Flush()
	for line := range lines {
		s.mu.Lock()
		s.log = append(s.log, "C: "+line)
		tag, command, _ := strings.Cut(line, " ")
		err := c.answer(tag, command)
		s.mu.Unlock()
		if c.out.Flush() != nil || err != nil {
			return
		}
	}
}

func (c *wildSession) say(format string, args ...any) {
	line := c.dress(fmt.Sprintf(format, args...))
	c.log = append(c.log, fmt.Sprintf("S: %.100q", line))
	_, _ = c.out.WriteString(line + "\r\n")
}

func (c *wildSession) greet() {
	caps := "IMAP4rev1"
	if c.uidplus {
		caps += " UIDPLUS"
	}
	if c.esearch {
		caps += " ESEARCH"
	}
	c.say("* PREAUTH [CAPABILITY %s] hello", caps)
}

// present are the messages that the client knows of and that are still there.
func (c *wildSession) present() (out []*mail) {
	for _, m := range c.shown {
		if slices.Contains(c.box, m) {
			out = append(out, m)
		}
	}
	return out
}

// announce tells the client what has changed.
func (c *wildSession) announce() {
	for i := len(c.shown) - 1; i >= 0; i-- {
		if !slices.Contains(c.box, c.shown[i]) {
			c.say("* %d EXPUNGE", i+1)
			c.shown = slices.Delete(c.shown, i, i+1)
		}
	}
	before := len(c.shown)
	if c.shown = slices.Clone(c.visible()); len(c.shown) != before {
		c.say("* %d EXISTS", len(c.shown))
	}
}

// chatter is what nobody asked for.
func (c *wildSession) chatter() {
	if !c.noise || !c.maybe(40) {
		return
	}
	n := 1 + c.rng.IntN(9)
	lines := []string{
		"* OK Still here", fmt.Sprintf("* %d FETCH (FLAGS (\\Seen $Junk))", n),
		fmt.Sprintf("* %d FETCH (MODSEQ (5) FLAGS ())", n),
		"* 0 RECENT", "* FLAGS (\\Answered \\Seen)", "* OK [PERMANENTFLAGS (\\*)] any",
		"* OK [HIGHESTMODSEQ 7]", "* CAPABILITY IMAP4rev1 X",
		"* NO [ALERT] mind the quota", "* SEARCH", "* STATUS INBOX (MESSAGES 3)", "* XBOX 7 (a {3}\r\nabc)",
		"",
	}
	c.say("%s", lines[c.rng.IntN(len(lines))])
}

func (c *wildSession) selectBox() {
	c.shown, c.validityShown = slices.Clone(c.visible()), c.validity
	c.selected = slices.Clone(c.shown)
	n := len(c.shown)
	if c.stale && c.maybe(40) {
		n = min(c.counted, n)
	}
	c.counted = len(c.shown)
	c.say("* %d EXISTS", n)
	if i := slices.IndexFunc(c.shown, func(m *mail) bool { return !m.seen }); i >= 0 && c.unseen {
		c.say("* OK [UNSEEN %d] first", i+1)
	}
	c.say("* OK [UIDVALIDITY %d] ok", c.validity)
	switch {
	case c.uidNext == 1:
	case c.uidNext == 2 && c.maybe(30):
		c.said = c.next + 1
		c.say("* OK [UIDNEXT %d] ok", c.said)
	default:
		c.said = c.uidNextSaid()
		c.say("* OK [UIDNEXT %d] ok", c.said)
	}
}

func (c *wildSession) answer(tag, command string) error {
	if c.drop && c.maybe(6) {
		return errDropped
	}
	words := strings.Fields(command)
	name := words[0]
	if name == "UID" {
		name += " " + words[1]
	}
	if c.validityShown != 0 && c.validityShown != c.validity {
		c.say("* BYE the mailbox is another one now")
		return errDropped
	}
	if c.refuse && c.maybe(5) && name != "LOGOUT" {
		c.say("%s NO [UNAVAILABLE] later", tag)
		return nil
	}
	if c.kiss && c.maybe(4) {
		return c.takesLeave("")
	}
	c.chatter()
	if c.validityShown != 0 {
		c.meanwhile()
		c.echo()
	}
	var code string
	switch name {
	case "SELECT", "EXAMINE":
		c.selectBox()
		if c.isReadOnly = c.readOnly && c.maybe(30); c.isReadOnly {
			code = "[READ-ONLY] "
		}
	case "NOOP":
		if c.validityShown != 0 {
			c.announce()
		}
	case "UID SEARCH":
		if c.noSeen && slices.Contains(words, "SEEN") {
			c.say("%s BAD no such key", tag)
			return nil
		}
		var err error
		if code, err = c.search(tag, words[2:]); err != nil {
			return err
		}
	case "FETCH":
		set, _ := journal.ParseSet(strings.ReplaceAll(words[1], "*", fmt.Sprint(max(1, len(c.shown)))))
		for i, m := range c.shown {
			if set.Contains(uint32(i+1)) && slices.Contains(c.box, m) {
				c.flags(m)
			}
		}
	case "UID FETCH":
		var err error
		if code, err = c.fetch(words[2], command); err != nil {
			return err
		}
	case "UID STORE":
		if c.refusesStore(tag) {
			return nil
		}
		var picked []*mail
		picked, code = c.pick(words[2])
		for _, m := range picked {
			m.seen = m.seen || strings.Contains(command, "Seen")
			m.deleted = m.deleted || strings.Contains(command, "Deleted")
		}
		if c.auto {
			c.expunge(picked)
		}
	case "UID EXPUNGE":
		if c.noUID {
			c.say("%s BAD what", tag)
			return nil
		}
		if c.refusesStore(tag) {
			return nil
		}
		var picked []*mail
		picked, code = c.pick(words[2])
		c.expunge(picked)
	case "EXPUNGE":
		if c.refusesStore(tag) {
			return nil
		}
		c.expunge(c.present())
	case "LOGOUT":
		return errDropped
	}
	c.chatter()
	if c.kept && c.validityShown != 0 && name != "FETCH" && c.maybe(30) {
		c.announce()
	}
	c.say("%s OK %sdone", tag, code)
	return nil
}

func (c *wildSession) flags(m *mail) {
	flags := ""
	if m.seen {
		flags = `\Seen`
	}
	c.told.Store(m.id, true)
	c.say("* %d FETCH (FLAGS (%s) UID %d)", 1+slices.Index(c.shown, m), flags, m.uid)
}

func (c *wildSession) fetch(set, command string) (code string, err error) {
	picked, code := c.pick(set)
	if c.omit {
		picked = slices.DeleteFunc(picked, func(m *mail) bool { return c.maybe(10) && c.leaveOut(m) })
		if len(picked) > 0 && c.maybe(20) {
			picked = append(picked, picked[c.rng.IntN(len(picked))])
		}
	}
	if c.backward {
		c.rng.Shuffle(len(picked), func(i, j int) { picked[i], picked[j] = picked[j], picked[i] })
	}
	for _, m := range picked {
		c.chatter()
		c.echo()
		if strings.Contains(command, "FLAGS") {
			c.flags(m)
			continue
		}
		if c.drop && c.maybe(3) {
			c.say("* 1 FETCH (UID %d BODY[] {%d}\r\nSub", m.uid, len(m.text()))
			return "", errDropped
		}
		if m.seen = m.seen || c.peeks; strings.Contains(command, "HEADER") {
			header, _, _ := strings.Cut(m.text(), "\r\n\r\n")
			header += "\r\n\r\n"
			c.say("* 1 FETCH (UID %d RFC822.SIZE %d BODY[HEADER] {%d}\r\n%s)", m.uid, c.saidSize(m),
				len(header), header)
			continue
		}
		n, size := 1+slices.Index(c.shown, m), ""
		if strings.Contains(command, "SIZE") {
			size = fmt.Sprintf("RFC822.SIZE %d ", c.saidSize(m))
		}
		if size += c.withFlags(m); c.bodyless(n, m) {
			continue
		}
		if c.bodyFirst {
			c.say("* %d FETCH (%sBODY[] {%d}\r\n%s UID %d)", n, size, len(m.text()), m.text(), m.uid)
			continue
		}
		c.say("* %d FETCH (UID %d %sBODY[] {%d}\r\n%s)", n, m.uid, size, len(m.text()), m.text())
	}
	return code, nil
}
