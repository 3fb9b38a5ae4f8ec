package deliverytest

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
)

// Sink is an SMTP or LMTP server that takes everything, but where Answer says otherwise.
type Sink struct {
	LMTP    bool
	Offer   []string // behind EHLO: "PIPELINING", "SIZE 1000", …
	TLS     *tls.Config
	Wrapped bool   // TLS from the first byte
	Discard bool   // messages are counted and not kept
	File    string // each message is added to this file too, with its envelope; "" = none
	// Answer is asked before each answer with what it is to: "greeting", a command, "." and from LMTP ".
	// ADDRESS". "" = as usual; Close closes the connection instead; Nothing leaves the answer out; a "~" in
	// front answers and closes it then. nil = always as usual. It is asked by one connection at a time.
	Answer func(to string) string

	asking    sync.Mutex // held while Answer is asked
	mu        sync.Mutex
	got       []Mail
	sessions  int
	farewells int
	wg        sync.WaitGroup
	conns     map[net.Conn]bool
}

// Mail is a message that a Sink has accepted, for one recipient.
type Mail struct {
	From, To string // as in the commands, with their parameters
	Data     []byte // with CRLF, without the doubled dots
}

// Answers that are none.
const (
	Close   = "CLOSE"
	Nothing = "NOTHING" // and the sink goes on
)

// Listen serves on address ("127.0.0.1:0", or the path of a socket) until the test ends.
func (s *Sink) Listen(tb testing.TB, address string) net.Addr {
	tb.Helper()
	addr, stop, err := s.Start(address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(stop)
	return addr
}

// Start is Listen outside a test; stop ends it.
func (s *Sink) Start(address string) (addr net.Addr, stop func(), err error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}

	l, err := net.Listen(network, address)
	if err != nil {
		return nil, nil, err
	}

	s.conns = map[net.Conn]bool{}
	s.wg.Go(func() { s.accept(l) })
	return l.Addr(), func() {
		_ = l.Close()
		s.mu.Lock()
		for conn := range s.conns {
			_ = conn.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	}, nil
}

func (s *Sink) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}

		s.mu.Lock()
		s.sessions++
		s.conns[conn] = true
		s.mu.Unlock()

		s.wg.Go(func() {
			c := &sinkConn{s: s}
			c.use(conn)
			c.serve()
			_ = c.conn.Close()
			_ = conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

// Got returns what was accepted so far.
func (s *Sink) Got() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.got...)
}

// Data returns the messages accepted so far, once for each recipient with LMTP.
func (s *Sink) Data() [][]byte {
	var all [][]byte
	for _, m := range s.Got() {
		all = append(all, m.Data)
	}
	return all
}

// Sessions returns how many connections there were, and how many of them ended with QUIT.
func (s *Sink) Sessions() (n, farewells int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions, s.farewells
}

// SetAnswer replaces Answer.
func (s *Sink) SetAnswer(answer func(to string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Answer = answer
}

// take keeps a message.
func (s *Sink) take(m Mail) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, m)
	if s.File == "" {
		return true
	}
	f, err := os.OpenFile(s.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return false
	}
	_, err = fmt.Fprintf(f, "MAIL %s\nRCPT %s\n%s\n", m.From, m.To,
		bytes.ReplaceAll(m.Data, []byte("\r\n"), []byte("\n")))
	return errors.Join(err, f.Close()) == nil
}

// sinkConn is one connection.
type sinkConn struct {
	s    *Sink
	conn net.Conn
	r    *bufio.Reader
	w    *bufio.Writer

	from string
	to   []string
}

func (c *sinkConn) use(conn net.Conn) {
	c.conn, c.r, c.w = conn, bufio.NewReaderSize(conn, 64<<10), bufio.NewWriter(conn)
}

// say answers; false says that the connection is to be closed.
func (c *sinkConn) say(to, usual string) (code string, ok bool) {
	return c.write(c.answer(to, usual))
}

// answer is what is to be said.
func (c *sinkConn) answer(to, usual string) string {
	c.s.mu.Lock()
	answer := c.s.Answer
	c.s.mu.Unlock()
	if answer == nil {
		return usual
	}

	c.s.asking.Lock()
	defer c.s.asking.Unlock()
	return cmp.Or(answer(to), usual)
}

func (c *sinkConn) write(text string) (code string, ok bool) {
	if text == Close {
		return "", false
	}
	if text == Nothing {
		return "", true
	}
	text, last := strings.CutPrefix(text, "~")
	_, _ = c.w.WriteString(text + "\r\n")
	if c.r.Buffered() == 0 || last { // RFC 2920 section 3.2
		_ = c.w.Flush()
	}
	if len(text) < 3 {
		return "", !last
	}
	return text[:3], !last
}

func (c *sinkConn) serve() {
	if c.s.Wrapped {
		c.use(tls.Server(c.conn, c.s.TLS))
	}
	if _, ok := c.say("greeting", "220 sink ESMTP"); !ok {
		return
	}

	for {
		line, err := c.r.ReadString('\n')
		if err != nil || !c.command(strings.TrimRight(line, "\r\n")) {
			_ = c.w.Flush()
			return
		}
	}
}

// command does one command; false ends the connection.
func (c *sinkConn) command(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	usual := "250 2.0.0 OK"
	switch strings.ToUpper(verb) {
	case "EHLO", "LHLO":
		usual = "250-" + strings.Join(append([]string{"sink"}, c.s.Offer...), "\r\n250-")
		i := strings.LastIndex(usual, "250-")
		usual = usual[:i] + "250 " + usual[i+4:]
	case "STARTTLS":
		if _, ok := c.say(line, "220 go on"); !ok {
			return false
		}
		c.use(tls.Server(c.conn, c.s.TLS))
		return true
	case "AUTH":
		usual = "235 welcome"
	case "QUIT":
		c.s.mu.Lock()
		c.s.farewells++
		c.s.mu.Unlock()
		usual = "~221 bye"
	case "DATA":
		return c.data()
	case "MAIL":
		c.from, c.to = rest, nil
	}

	code, ok := c.say(line, usual)
	if strings.ToUpper(verb) == "RCPT" && strings.HasPrefix(code, "2") {
		c.to = append(c.to, rest)
	}

	return ok
}

func (c *sinkConn) data() bool {
	usual := "354 go on"
	if len(c.to) == 0 {
		usual = "554 no valid recipients"
	}

	code, ok := c.say("DATA", usual)
	if !ok || code != "354" {
		return ok
	}

	_ = c.w.Flush()
	body, err := c.body()
	if err != nil {
		return false
	}

	answers := 1
	if c.s.LMTP {
		answers = len(c.to)
	}

	for i := range answers {
		to := "."
		if c.s.LMTP {
			to = ". " + c.to[i]
		}
		answer := c.answer(to, fmt.Sprintf("250 2.0.0 %d bytes", len(body)))
		if strings.HasPrefix(strings.TrimPrefix(answer, "~"), "2") { // before the client knows
			if !c.s.take(Mail{c.from, c.to[i], body}) {
				return false
			}
		}
		if _, ok := c.write(answer); !ok {
			return false
		}
	}

	return true
}

// body reads up to the dot. Line ends must be CRLF.
func (c *sinkConn) body() ([]byte, error) {
	var body []byte
	for {
		line, err := c.r.ReadSlice('\n')
		for err == bufio.ErrBufferFull {
			body = append(body, line...)
			line, err = c.r.ReadSlice('\n')
		}

		if err != nil {
			return nil, err
		}

		atStart := len(body) == 0 || body[len(body)-1] == '\n'
		switch {
		case atStart && string(line) == ".\r\n":
			return body, nil
		case atStart && line[0] == '.':
			line = line[1:]
		case len(line) < 2 || line[len(line)-2] != '\r' || bytes.IndexByte(line[:len(line)-2], '\r') >= 0:
			return nil, io.ErrNoProgress
		}

		if !c.s.Discard {
			body = append(body, line...)
		}
	}
}
