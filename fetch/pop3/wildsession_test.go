package pop3

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

var errGone = errors.New("the connection ends")

// wildSession is one client's connection to a wild server.
type wildSession struct {
	*wildServer
	out     *bufio.Writer
	lines   chan string
	ready   bool // logged in
	shown   []*letter
	uidls   []string // of what is shown
	deleted map[int]bool
	given   int
	extra   int  // what STAT counts too many, or too few
	mute    bool // UIDL is refused
	hole    int  // the number that is left out
	ended   bool // by QUIT
}

// serve speaks with one client.
func (s *wildServer) serve(conn net.Conn) {
	defer conn.Close()
	c := &wildSession{wildServer: s, out: bufio.NewWriter(conn), lines: make(chan string, 10_000),
		deleted: map[int]bool{}}
	go func() {
		defer close(c.lines)
		for in := bufio.NewScanner(conn); in.Scan(); {
			c.lines <- in.Text()
		}
	}()

	err := c.locking(c.greet)
	for err == nil {
		if c.out.Flush() != nil {
			break
		}
		line, ok := <-c.lines
		if !ok {
			break
		}
		err = c.locking(func() error { return c.hear(line) })
	}
	_ = c.out.Flush()
	_ = c.locking(func() error { c.leave(); return nil })
}

func (c *wildSession) locking(do func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return do()
}

// leave is what happens when a connection has ended.
func (c *wildSession) leave() {
	if c.ended || !c.ready {
		return
	}
	if c.busy && !c.calm {
		c.locked = c.rng.IntN(3)
	}
	if c.abort {
		c.expunge(func(*letter) bool { return true })
	}
}

func (c *wildSession) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	c.note("S: %.100q", line)
	_, _ = c.out.WriteString(line + "\r\n")
}

// okay is a positive answer.
func (c *wildSession) okay(format string, args ...any) {
	word := "+OK"
	if c.chatty {
		if c.maybe(30) {
			c.say("")
		}
		word = []string{"+OK", "+ok", "+Ok"}[c.rng.IntN(3)]
	}
	c.say("%s", strings.TrimSuffix(word+" "+fmt.Sprintf(format, args...), " "))
}

func (c *wildSession) greet() error {
	switch {
	case c.drop && c.maybe(4):
		return errGone
	case c.turns && c.maybe(8):
		c.say("-ERR too many connections, try again later")
		return errGone
	}
	c.say("+OK ready")
	return nil
}

// hear takes a command.
func (c *wildSession) hear(line string) error {
	c.note("C: %s", line)
	verb, arg, _ := strings.Cut(line, " ")
	if c.hears(verb) {
		c.note("-- killed")
		return errGone
	}
	if c.drop && c.maybe(3) {
		c.note("-- dropped")
		return errGone
	}
	if c.pipelines == 2 && c.ready && len(c.lines) > 0 {
		c.note("-- ends, as commands are pipelined")
		return errGone
	}
	if c.ready {
		return c.obey(verb, arg)
	}
	return c.letIn(verb)
}

// letIn is the dialogue up to the login.
func (c *wildSession) letIn(verb string) error {
	switch verb {
	case "CAPA":
		c.capabilities()
	case "USER":
		c.okay("")
	case "PASS":
		return c.logIn()
	case "QUIT":
		c.okay("bye")
		return errGone
	default:
		c.say("-ERR what")
	}

	return nil
}

func (c *wildSession) capabilities() {
	if c.capa == 1 || c.capa == 2 && c.ready && c.maybe(40) {
		c.say("-ERR what")
		return
	}
	c.okay("")
	if c.capa != 3 || !c.ready {
		c.say("USER")
		if c.noUIDL != 1 && c.noUIDL != 3 {
			c.say("UIDL")
		}
		if c.top != 1 {
			c.say("TOP")
		}
		if c.pipelines > 0 {
			c.say("PIPELINING")
		}
	}
	c.say(".")
}

func (c *wildSession) logIn() error {
	switch {
	case c.locked > 0:
		c.locked--
		if c.rng.IntN(2) == 0 {
			c.say("-ERR [IN-USE] the maildrop is locked")
		} else {
			c.say("-ERR maildrop already locked by another session")
		}
		return nil
	case c.turns && c.maybe(12):
		c.say("-ERR %s", []string{"[LOGIN-DELAY] wait", "[SYS/TEMP] later",
			"Exceeded the login limit for a 15 minute period."}[c.rng.IntN(3)])
		return nil
	}

	c.ready, c.shown = true, c.visible()
	for i, m := range c.shown {
		uidl := m.uidl
		if c.numbered {
			uidl = strconv.Itoa(i + 1)
			if m.number > 0 && m.number != i+1 {
				c.renamed(m)
			}
			m.number = i + 1
		}
		c.uidls = append(c.uidls, uidl)
	}
	c.mute = c.noUIDL == 1 || c.noUIDL > 1 && c.maybe(30)
	for _, m := range c.shown {
		if m.noUIDL && !c.mute {
			m.noUIDL = false
			c.renamed(m)
		}
	}
	if c.holes > 0 && c.maybe(30) && len(c.shown) > 0 {
		c.hole = 1 + c.rng.IntN(len(c.shown))
	}
	if c.stat > 0 && c.maybe(30) {
		c.extra = max(2*c.stat-3, -len(c.shown))
	}
	c.okay("%d messages", len(c.shown))
	return nil
}

// obey takes a command behind the login.
func (c *wildSession) obey(verb, arg string) error {
	if c.vanish && c.maybe(4) && len(c.box) > 0 {
		c.others()
	}

	switch verb {
	case "CAPA":
		c.capabilities()
	case "NOOP":
		c.okay("")
	case "STAT":
		c.okay("%d %d", len(c.shown)+c.extra, 100*len(c.shown))
	case "UIDL":
		c.listUIDL()
	case "LIST":
		c.rows(c.hole*(c.holes/2), func(i int) string { return strconv.Itoa(c.size(c.shown[i])) })
	case "RETR":
		return c.one(arg, c.retrieve)
	case "TOP":
		number, _, _ := strings.Cut(arg, " ")
		return c.one(number, c.header)
	case "DELE":
		return c.one(arg, c.remember)
	case "QUIT":
		return c.quit()
	default:
		c.say("-ERR what")
	}
	return nil
}

func (c *wildSession) listUIDL() {
	switch {
	case c.mute && c.noUIDL == 2:
		c.say("-ERR [SYS/TEMP] no list now")
	case c.mute:
		c.say("-ERR what")
	default:
		c.rows(c.hole*(c.holes%2), func(i int) string { return c.uidls[i] })
	}
}

// rows answers with a list, without the number that is left out.
func (c *wildSession) rows(without int, what func(i int) string) {
	c.okay("")
	numbers := make([]int, len(c.shown))
	for i := range numbers {
		numbers[i] = i
	}
	if c.backward {
		c.rng.Shuffle(len(numbers), func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
	}
	for _, i := range numbers {
		row := fmt.Sprintf("%d %s", i+1, what(i))
		if c.columns {
			row = fmt.Sprintf("%d  %s ", i+1, what(i))
		}
		if i+1 != without {
			c.say("%s", row)
		}
	}
	c.say(".")
}

// size is what LIST says of a message.
func (c *wildSession) size(m *letter) int {
	text := m.whole()
	switch c.sizes {
	case 1:
		return len(text) - strings.Count(text, "\n")
	case 2:
		return 0
	case 3:
		return len(text) + m.id%9*10
	case 4:
		return len(text) + c.rng.IntN(300)
	}
	return len(text)
}

func (c *wildSession) one(number string, do func(n int, m *letter) error) error {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(c.shown) || c.deleted[n] || !slices.Contains(c.box, c.shown[n-1]) {
		c.say("-ERR no such message")
		return nil
	}
	return do(n, c.shown[n-1])
}

func (c *wildSession) retrieve(_ int, m *letter) error {
	bad := m.bad
	switch {
	case bad != "":
	case c.quota > 0 && c.given >= c.quota:
		c.say("-ERR %s", []string{"Server busy", "can't read it", "exceeded bandwidth limits"}[c.quota%3])
		return nil
	case c.some && c.maybe(10):
		bad = "refuse"
	case c.drop && c.maybe(6):
		bad = []string{"drop", "within"}[c.rng.IntN(2)]
	}

	switch bad {
	case "drop":
		return errGone
	case "within":
		c.okay("")
		text := stuffed(m.whole())
		_, _ = c.out.WriteString(text[:len(text)/2])
		return errGone
	case "refuse":
		c.say("-ERR can't open message %d", m.id)
		return nil
	}
	c.given++
	m.popped, m.noUIDL = true, c.mute
	c.body(m.whole())
	return nil
}

func (c *wildSession) header(_ int, m *letter) error {
	head, _, _ := strings.Cut(m.whole(), "\r\n\r\n")
	switch {
	case c.top == 1 || c.top == 3 && c.maybe(40):
		c.say("-ERR what")
	case c.top == 2:
		c.body(m.whole())
	case c.top == 4:
		c.body(head + "\r\n")
	default:
		c.body(head + "\r\n\r\n")
	}
	return nil
}

// body sends a text.
func (c *wildSession) body(text string) {
	c.okay("%d octets", len(text))
	_, _ = c.out.WriteString(stuffed(text))
	c.say(".")
}

// stuffed is a text whose lines have one dot more where they begin with one.
func stuffed(text string) string {
	return strings.TrimPrefix(strings.ReplaceAll("\n"+text, "\n.", "\n.."), "\n")
}

func (c *wildSession) remember(n int, m *letter) error {
	if c.refuses && c.maybe(8) {
		c.say("-ERR can't delete")
		return nil
	}
	c.deleted[n] = true
	if c.atOnce {
		c.expunge(func(b *letter) bool { return b == m })
	}
	c.okay("")
	return nil
}

func (c *wildSession) quit() error {
	c.ended = true
	all := func(*letter) bool { return true }
	switch {
	case c.holds && c.maybe(40):
		for n := range c.deleted {
			c.stays(c.shown[n-1])
		}
		c.okay("bye")
	case c.refuses && c.maybe(20):
		c.expunge(func(*letter) bool { return c.rng.IntN(2) == 0 })
		c.say("-ERR some deleted messages not removed")
	case c.quits && c.maybe(20):
		c.expunge(all)
	case c.quits && c.maybe(20):
	default:
		c.expunge(all)
		c.okay("bye")
	}
	return errGone
}

// expunge deletes messages for good, of those that are to be.
func (c *wildSession) expunge(is func(*letter) bool) {
	for n, m := range c.shown {
		if !c.deleted[n+1] || !slices.Contains(c.box, m) || !is(m) {
			continue
		}
		c.deletes(m)
		if m.comes > 0 {
			m.comes--
			c.stays(m)
			c.note("-- %d comes back", m.id)
			continue
		}
		c.remove(m)
		c.note("-- %d is deleted", m.id)
	}
}
