package imap

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"fetchd/fetch/journal"
)

// habits are what a server does that others don't. Some are legal, some are not, and all were seen.
type habits struct {
	limit    int  // it processes so many messages in one command, and says so (RFC 9738); 0 = all
	partial  int  // a search names so many at most, without a word; 0 = all
	view     int  // only so many, the newest, are to be seen (Yahoo); 0 = all
	unseen   bool // searches for what is not seen find nothing (maddy)
	reuse    bool // the lowest UID of a deleted message is given out again (GNU Mailutils)
	late     bool // messages turn up under UIDs below others
	renumber bool // now and then the mailbox gets another UIDVALIDITY
	drop     bool // connections end anywhere
	others   bool // other clients delete and read
	hold     bool // EXPUNGE says OK and removes nothing, now and then
	back     bool // deleted messages come back, now and then
	uidplus  bool
	esearch  bool
	shuffle  bool // search results are in no order
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
	out := bufio.NewWriter(conn)
	say := func(format string, args ...any) {
		line := fmt.Sprintf(format, args...)
		s.log = append(s.log, fmt.Sprintf("S: %.100q", line))
		_, _ = out.WriteString(line + "\r\n")
	}
	caps := "IMAP4rev1"
	if s.uidplus {
		caps += " UIDPLUS"
	}
	if s.esearch {
		caps += " ESEARCH"
	}
	say("* PREAUTH [CAPABILITY %s] hello", caps)
	_ = out.Flush()
	for line := range lines {
		s.mu.Lock()
		s.log = append(s.log, "C: "+line)
		tag, command, _ := strings.Cut(line, " ")
		err := s.answer(say, tag, command)
		s.mu.Unlock()
		if out.Flush() != nil || err != nil {
			return
		}
	}
}

func (s *wildServer) answer(say func(string, ...any), tag, command string) error {
	if s.drop && s.maybe(6) {
		return errDropped
	}
	words := strings.Fields(command)
	name := words[0]
	if name == "UID" {
		name += " " + words[1]
	}
	code := ""
	switch name {
	case "SELECT", "EXAMINE":
		say("* %d EXISTS", len(s.visible()))
		if i := slices.IndexFunc(s.visible(), func(m *mail) bool { return !m.seen }); i >= 0 && s.unseen {
			say("* OK [UNSEEN %d] first", i+1)
		}
		say("* OK [UIDVALIDITY %d] ok", s.validity)
		say("* OK [UIDNEXT %d] ok", s.next)
	case "UID SEARCH":
		code = s.search(say, tag, words[2:])
	case "FETCH":
		set, _ := journal.ParseSet(words[1])
		for i, m := range s.visible() {
			if set.Contains(uint32(i + 1)) {
				flags := ""
				if m.seen {
					flags = `\Seen`
				}
				say("* %d FETCH (FLAGS (%s) UID %d)", i+1, flags, m.uid)
			}
		}
	case "UID FETCH":
		picked, c := s.pick(words[2])
		code = c
		for _, m := range picked {
			if s.drop && s.maybe(3) {
				say("* 1 FETCH (UID %d BODY[] {%d}\r\nSub", m.uid, len(m.text()))
				return errDropped
			}
			size := ""
			if strings.Contains(command, "HEADER") {
				header, _, _ := strings.Cut(m.text(), "\r\n\r\n")
				header += "\r\n\r\n"
				say("* 1 FETCH (UID %d RFC822.SIZE %d BODY[HEADER] {%d}\r\n%s)", m.uid, len(m.text()), len(header), header)
				continue
			}
			if strings.Contains(command, "SIZE") {
				size = fmt.Sprintf("RFC822.SIZE %d ", len(m.text()))
			}
			say("* %d FETCH (UID %d %sBODY[] {%d}\r\n%s)", 1+slices.Index(s.visible(), m), m.uid, size, len(m.text()), m.text())
		}
	case "UID STORE":
		picked, c := s.pick(words[2])
		code = c
		for _, m := range picked {
			m.seen = m.seen || strings.Contains(command, "Seen")
			m.deleted = m.deleted || strings.Contains(command, "Deleted")
		}
	case "UID EXPUNGE":
		picked, c := s.pick(words[2])
		code = c
		s.expunge(say, picked)
	case "EXPUNGE":
		s.expunge(say, slices.Clone(s.visible()))
	case "LOGOUT":
		return errDropped
	}
	say("%s OK %sdone", tag, code)
	return nil
}

// pick gives the messages in a set of UIDs, as far as the limit lets.
func (s *wildServer) pick(text string) (picked []*mail, code string) {
	set := s.parse(text)
	for _, m := range s.visible() {
		if set.Contains(m.uid) {
			picked = append(picked, m)
		}
	}
	if s.limit > 0 && len(picked) > s.limit {
		picked = picked[len(picked)-s.limit:]
		code = fmt.Sprintf("[MESSAGELIMIT %d %d] ", s.limit, picked[0].uid)
	}
	return picked, code
}

func (s *wildServer) parse(text string) journal.Set {
	highest := uint32(1)
	if v := s.visible(); len(v) > 0 {
		highest = v[len(v)-1].uid
	}
	var out journal.Set
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "*", fmt.Sprint(highest)), ",") {
		first, last, pair := strings.Cut(part, ":")
		if !pair {
			last = first
		}
		a, _ := strconv.ParseUint(first, 10, 32)
		b, _ := strconv.ParseUint(last, 10, 32)
		out.AddRange(uint32(min(a, b)), uint32(max(a, b)))
	}
	return out
}

func (s *wildServer) search(say func(string, ...any), tag string, words []string) (code string) {
	found := slices.Clone(s.visible())
	keep := func(ok func(*mail) bool) { found = slices.DeleteFunc(found, func(m *mail) bool { return !ok(m) }) }
	extended := false
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "RETURN":
			extended = true
			i++
		case "UID":
			i++
			set := s.parse(words[i])
			keep(func(m *mail) bool { return set.Contains(m.uid) })
		case "SEEN":
			keep(func(m *mail) bool { return m.seen })
		case "UNSEEN":
			keep(func(m *mail) bool { return !m.seen && !s.unseen })
		case "DELETED":
			keep(func(m *mail) bool { return m.deleted })
		}
	}
	if s.limit > 0 && len(found) > s.limit {
		found = found[len(found)-s.limit:]
		code = fmt.Sprintf("[MESSAGELIMIT %d %d] ", s.limit, found[0].uid)
	}
	if s.partial > 0 && len(found) > s.partial {
		found = found[len(found)-s.partial:]
	}
	var uids []string
	for _, m := range found {
		uids = append(uids, strconv.FormatUint(uint64(m.uid), 10))
	}
	if s.shuffle {
		s.rng.Shuffle(len(uids), func(i, j int) { uids[i], uids[j] = uids[j], uids[i] })
	}
	switch {
	case !extended:
		say("* SEARCH %s", strings.Join(uids, " "))
	case len(uids) == 0:
		say(`* ESEARCH (TAG "%s") UID`, tag)
	default:
		say(`* ESEARCH (TAG "%s") UID ALL %s`, tag, strings.Join(uids, ","))
	}
	return code
}

func (s *wildServer) expunge(say func(string, ...any), among []*mail) {
	if s.hold && s.maybe(50) {
		return
	}
	for _, m := range among {
		if i := slices.Index(s.visible(), m); m.deleted {
			say("* %d EXPUNGE", i+1)
			s.box = slices.DeleteFunc(s.box, func(b *mail) bool { return b == m })
			s.free = append(s.free, m.uid)
			s.deleted = append(s.deleted, *m)
		}
	}
}
