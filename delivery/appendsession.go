package delivery

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fetchd/fetch/login"
	"fetchd/fetch/login/imapline"
	"fetchd/fetch/wire"
)

const (
	// appendUntagged bounds how many responses come without a tagged one; each message of other clients may
	// be announced.
	appendUntagged = 10_000
	// appendWindow commands and appendWindowBytes are how much is under way without an answer: enough to fill
	// a long path, and so little that the answers fit into the buffers of the connection.
	appendWindow      = 64
	appendWindowBytes = 2 << 20
	// appendBatch messages and appendBatchBytes are how much goes with one command where the server takes
	// several (RFC 3502): half of what is under way, so that it always has something to do.
	appendBatch      = 64
	appendBatchBytes = appendWindowBytes / 2
	// literalMinus is the longest literal that LITERAL- lets us send unasked (RFC 7888 section 5).
	literalMinus = 4096
	// literalPlus is the longest one that we send unasked: a server may want to refuse a larger message
	// before it comes.
	literalPlus = 1 << 20
)

// appendSession is a connection over which messages may be appended. It belongs to one group at a time.
type appendSession struct {
	d    *Append
	conn *wire.Conn
	w    *bufio.Writer // over conn
	caps []string
	used bool // it has served before, and may have been closed meanwhile

	tag     int
	pending []*appendCommand // whose answers are owed, oldest first
	bytes   int64            // of their literals
	goOn    bool             // the server has asked for the literal
	buf     []byte           // of the message under way, converted

	separator string // of the levels of names; "" = not known yet
	folder    *appendFolder
	folders   map[string]*appendFolder // by name
}

// appendFolder is what is known of a folder over this connection.
type appendFolder struct {
	name    string // as the rc file has it
	wire    string // as the server wants it, quoted
	limit   int64  // APPENDLIMIT; 0 = not said
	proven  bool   // a message was taken
	earlier *earlierCopies
}

// appendCommand is a command whose answer is owed.
type appendCommand struct {
	tag   string
	items []*appendItem // of an APPEND
	done  bool
	got   imapline.Reply
}

// open connects to the server and logs in.
func (d *Append) open(ctx context.Context) (*appendSession, error) {
	o := login.Options{
		Service: appendService, Account: d.o.Name, Host: d.o.Host, Port: d.o.Port,
		TLS: d.o.TLS, Policy: d.o.Policy, Auth: d.o.Auth, User: d.o.User, Password: d.o.Password,
		Hidden: d.o.Hidden, Timeout: d.o.Timeout, Trace: d.o.Trace, Log: d.o.Log,
	}

	raw, err := login.Dial(ctx, o)
	if err != nil {
		return nil, err
	}

	conn := login.New(raw, o)
	dialogue := &appendDialogue{Dialogue: imapline.Dialogue{Conn: conn}}
	if _, err := login.Run(ctx, conn, dialogue, o); err != nil {
		return nil, err
	}

	return newAppendSession(d, conn, dialogue.words), nil
}

func newAppendSession(d *Append, conn *wire.Conn, caps []string) *appendSession {
	return &appendSession{
		d: d, conn: conn, caps: caps, folders: map[string]*appendFolder{},
		w: bufio.NewWriterSize(connWriter{conn}, 2*smtpChunk),
	}
}

// appendDialogue notes what the server offers after the login.
type appendDialogue struct {
	imapline.Dialogue
	words []string
}

// Finish implements login.Finisher.
func (d *appendDialogue) Finish(offer *login.Offer) error {
	d.words = offer.Words
	return nil
}

func (s *appendSession) hasNews() bool { return s.conn.Unread() }

func (s *appendSession) close() { _ = s.conn.Close() }

func (s *appendSession) quit() {
	s.conn.SetTimeout(quitTimeout)
	_, _ = s.run("LOGOUT", nil)
	s.close()
}

func (s *appendSession) has(name string) bool { return slices.Contains(s.caps, name) }

// sendsUnasked tells whether a literal of that size may follow its command at once.
func (s *appendSession) sendsUnasked(size int64) bool {
	switch {
	case s.has("LITERAL+"):
		return size <= literalPlus
	// IMAP4rev2 includes LITERAL- (RFC 9051 section 4.3).
	case s.has("LITERAL-"), s.has("IMAP4REV2"):
		return size <= literalMinus
	}
	return false
}

// put sends the beginning of a command.
func (s *appendSession) put(items []*appendItem, command string) *appendCommand {
	s.tag++
	c := &appendCommand{tag: "A" + strconv.Itoa(s.tag), items: items}
	s.pending = append(s.pending, c)
	line := c.tag + " " + command
	s.conn.TraceOut(line)
	_, _ = s.w.WriteString(line) // an error comes again with Flush
	_, _ = s.w.WriteString("\r\n")
	return c
}

// run sends a command and waits for its answer; untagged responses go to hear. It is not for commands with
// literals.
func (s *appendSession) run(command string, hear func(*response) error) (imapline.Reply, error) {
	c := s.put(nil, command)
	for !c.done {
		if err := s.listen(hear); err != nil {
			return imapline.Reply{}, err
		}
	}
	return c.got, nil
}

// errLeaves is the beginning of a server's farewell.
var errLeaves = errors.New("the server leaves")

// listen reads up to the next tagged response or request to go on. An error breaks the connection.
func (s *appendSession) listen(hear func(*response) error) error {
	if err := s.w.Flush(); err != nil {
		return err
	}

	for range appendUntagged {
		r, err := s.read()
		if err != nil {
			return err
		}

		switch got := imapline.Parse(r.line); {
		case got.Tag == "+":
			return s.askedToGoOn(r)
		case got.Tag != "*":
			return s.answered(got, r)
		case got.Word == "BYE":
			return s.conn.Break(fmt.Errorf("%w: %s", errLeaves, s.words(got)))
		case hear != nil:
			if err := hear(r); err != nil {
				return s.conn.Break(err)
			}
		}
	}

	return s.conn.Break(fmt.Errorf("more than %d responses that answer nothing", appendUntagged))
}

// askedToGoOn notes that the server wants the literal of the last command. It must not want anything else.
func (s *appendSession) askedToGoOn(r *response) error {
	n := len(s.pending)
	// A server that asks at another time does not count as we do, and might store anything.
	if s.goOn || n == 0 || len(s.pending[n-1].items) == 0 || s.pending[n-1].items[0].state != appendBegun {
		return s.outOfPlace(r)
	}
	s.goOn = true
	return nil
}

// answered notes a tagged response.
func (s *appendSession) answered(got imapline.Reply, r *response) error {
	i := slices.IndexFunc(s.pending, func(c *appendCommand) bool { return c.tag == got.Tag })
	if i < 0 || got.Word != "OK" && got.Word != "NO" && got.Word != "BAD" {
		return s.outOfPlace(r)
	}

	s.conn.Answered()
	c := s.pending[i]
	s.pending = slices.Delete(s.pending, i, i+1)
	c.done, c.got = true, got

	isIncomplete := func(it *appendItem) bool { return it.state != appendComplete }
	if got.Word == "OK" && slices.ContainsFunc(c.items, isIncomplete) {
		return s.outOfPlace(r) // it can't have what we have not sent
	}
	for _, it := range c.items {
		s.bytes -= it.size
	}
	return s.judge(c.items, got)
}

// outOfPlace breaks the connection over a response that answers nothing.
func (s *appendSession) outOfPlace(r *response) error {
	return s.conn.Break(fmt.Errorf("%s is no answer here", s.conn.Quoted(r.line)))
}

// await reads until at most n answers are owed.
func (s *appendSession) await(n int) error {
	for len(s.pending) > n {
		if err := s.listen(nil); err != nil {
			return err
		}
	}
	return nil
}

// response is one response: its first line, the literals, and what is behind the last of them.
type response struct {
	line     []byte
	literals [][]byte
	rest     []byte
}

const (
	// responseLiterals and responseLiteral bound a response: we ask for one piece of a header at a time.
	responseLiterals = 4
	responseLiteral  = headerPeek
)

// read reads a response with its literals.
func (s *appendSession) read() (*response, error) {
	line, err := s.conn.ReadLine(0)
	if err != nil {
		return nil, err
	}

	r := &response{line: slices.Clone(line)}
	if got := imapline.Parse(line); got.Tag != "*" || slices.Contains(statusWords, got.Word) {
		return r, nil // its text is for people, whatever it ends in
	}

	for tail := r.line; ; tail = r.rest {
		size, ok := literalSize(tail)
		if !ok {
			return r, nil
		}
		if size > responseLiteral || len(r.literals) == responseLiterals {
			return nil, s.conn.Break(fmt.Errorf("literals of %d bytes and more that nobody asked for", size))
		}

		// Bounded above, before memory is taken for what the server announces.
		literal := make([]byte, size)
		if err := s.conn.ReadFull(literal); err != nil {
			return nil, err
		}
		line, err := s.conn.ReadLine(0)
		if err != nil {
			return nil, err
		}
		r.literals, r.rest = append(r.literals, literal), slices.Clone(line)
	}
}

// statusWords begin responses without literals.
var statusWords = []string{"OK", "NO", "BAD", "BYE", "PREAUTH"}

// literalSize is the size of the literal that a line announces.
func literalSize(line []byte) (size int64, ok bool) {
	text := string(line)
	i := strings.LastIndexByte(text, '{')
	if i < 0 || !strings.HasSuffix(text, "}") {
		return 0, false
	}
	size, err := strconv.ParseInt(text[i+1:len(text)-1], 10, 64)
	return size, err == nil && size >= 0
}
