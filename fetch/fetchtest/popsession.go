package fetchtest

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// popSession is one connection to a POPServer.
type popSession struct {
	s       *POPServer
	conn    net.Conn
	in      *bufio.Reader
	out     *bufio.Writer
	secure  bool
	user    string
	ready   bool // logged in
	mail    []popMessage
	deleted map[int]bool
	dropped bool // the connection ends now
}

func (s *POPServer) serve(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(sessionTime))
	p := &popSession{s: s, deleted: map[int]bool{}, secure: s.o.TLS == nil}
	p.use(conn)
	if s.o.Wrapped && !p.handshake() {
		return
	}
	defer func() {
		if p.ready {
			s.release()
		}
	}()

	p.say("+OK ready")
	for {
		if p.in.Buffered() == 0 && p.out.Flush() != nil {
			return
		}

		line, err := p.in.ReadString('\n')
		if err != nil {
			return
		}
		if s.o.NoPipelining && p.in.Buffered() > 0 {
			s.fail("the client pipelines after %.20q", line)
		}
		if s.o.EndsPipelined && p.ready && p.in.Buffered() > 0 {
			return
		}
		if s.o.DropsPipelined {
			_, _ = p.in.Discard(p.in.Buffered())
		}

		verb, arg, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		verb = strings.ToUpper(verb)
		s.hear(verb)
		if !p.command(verb, arg) || p.dropped {
			_ = p.out.Flush()
			return
		}
	}
}

func (p *popSession) use(conn net.Conn) {
	p.conn, p.in, p.out = conn, bufio.NewReader(conn), bufio.NewWriter(conn)
}

func (p *popSession) handshake() bool {
	conn := tls.Server(p.conn, p.s.o.TLS)
	if conn.Handshake() != nil {
		return false
	}
	p.use(conn)
	p.secure = true
	return true
}

func (p *popSession) say(format string, args ...any) { fmt.Fprintf(p.out, format+"\r\n", args...) }

// command answers one command; false ends the session.
func (p *popSession) command(verb, arg string) bool {
	switch {
	case verb == "QUIT":
		p.quit()
		return false
	case verb == "CAPA" && !p.s.o.NoCAPA:
		p.capabilities()
	case verb == "NOOP":
		p.say("+OK")
	case p.ready:
		p.transaction(verb, arg)
	case verb == "STLS" && !p.secure:
		p.say("+OK begin")
		return p.out.Flush() == nil && p.handshake()
	case !p.secure:
		p.say("-ERR [AUTH] STLS first")
	case verb == "USER":
		p.user = arg
		p.say("+OK")
	case verb == "PASS":
		p.logIn(p.user, arg)
	case verb == "AUTH":
		p.sasl(arg)
	default:
		p.say("-ERR unknown command")
	}

	return true
}

func (p *popSession) capabilities() {
	o := p.s.o
	p.say("+OK\r\nRESP-CODES\r\nAUTH-RESP-CODE")
	for _, c := range []struct {
		line string
		on   bool
	}{
		{"STLS", !p.secure}, {"USER", p.secure}, {"SASL PLAIN", p.secure && !p.ready}, {"UIDL",
			!o.NoUIDL}, {"TOP", !o.NoTOP}, {"PIPELINING", !o.NoPipelining},
	} {
		if c.on {
			p.say("%s", c.line)
		}
	}

	p.say(".")
}

// sasl answers AUTH PLAIN with an initial response (RFC 5034).
func (p *popSession) sasl(arg string) {
	mechanism, initial, _ := strings.Cut(arg, " ")
	raw, err := base64.StdEncoding.DecodeString(initial)
	words := strings.Split(string(raw), "\x00")
	if mechanism != "PLAIN" || err != nil || len(words) != 3 {
		p.say("-ERR not understood")
		return
	}
	p.logIn(words[1], words[2])
}

func (p *popSession) logIn(user, password string) {
	if user != p.s.User || password != p.s.Password {
		p.say("-ERR [AUTH] wrong name or password")
		return
	}
	mail, ok := p.s.open()
	if !ok {
		p.say("-ERR [IN-USE] another session has the maildrop")
		return
	}
	p.ready, p.mail = true, mail
	p.say("+OK logged in")
}

func (p *popSession) transaction(verb, arg string) {
	o := p.s.o

	switch {
	case verb == "STAT":
		n, size := 0, 0
		p.each(func(_ int, m popMessage) { n, size = n+1, size+len(m.text) })
		p.say("+OK %d %d", n, size)
	case verb == "LIST":
		p.list(arg, func(m popMessage) any { return len(m.text) })
	case verb == "UIDL" && !o.NoUIDL:
		p.list(arg, func(m popMessage) any { return m.uidl })
	case verb == "RETR":
		p.one(arg, func(_ int, m popMessage) { p.retrieve(m) })
	case verb == "TOP" && !o.NoTOP:
		number, lines, _ := strings.Cut(arg, " ")
		p.one(number, func(_ int, m popMessage) { p.body(p.top(m, lines)) })
	case verb == "DELE":
		p.one(arg, func(n int, _ popMessage) {
			p.deleted[n] = true
			p.say("+OK")
		})
	case verb == "RSET":
		clear(p.deleted)
		p.say("+OK")
	default:
		p.say("-ERR unknown command")
	}
}

func (p *popSession) each(f func(n int, m popMessage)) {
	for i, m := range p.mail {
		if !p.deleted[i+1] {
			f(i+1, m)
		}
	}
}

func (p *popSession) one(number string, f func(n int, m popMessage)) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(p.mail) || p.deleted[n] {
		p.say("-ERR no such message")
		return
	}
	f(n, p.mail[n-1])
}

func (p *popSession) list(arg string, what func(popMessage) any) {
	if arg != "" {
		p.one(arg, func(n int, m popMessage) { p.say("+OK %d %v", n, what(m)) })
		return
	}
	p.say("+OK")
	p.each(func(n int, m popMessage) { p.say("%d %v", n, what(m)) })
	p.say(".")
}

// retrieve answers RETR.
func (p *popSession) retrieve(m popMessage) {
	var r Reaction
	if p.s.o.Retr != nil {
		r = p.s.o.Retr(m.uidl)
	}

	switch {
	case r.Refuse != "":
		p.say("-ERR %s", r.Refuse)
		p.dropped = r.Drop
	case r.Drop:
		p.dropped = true
	case r.Within:
		p.dropped = true
		p.say("+OK %d octets", len(m.text))
		_, _ = p.out.WriteString(m.text[:len(m.text)/2])
	default:
		p.body(m.text)
	}
}

// body sends a multi-line answer with dot-stuffing (RFC 1939 section 3).
func (p *popSession) body(text string) {
	p.say("+OK %d octets", len(text))
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		if strings.HasPrefix(line, ".") && !p.s.o.NoStuffing {
			line = "." + line
		}
		_, _ = p.out.WriteString(line + "\r\n")
	}
	p.say(".")
}

// top is a message's header and its first lines.
func (p *popSession) top(m popMessage, lines string) string {
	text := m.text
	n, err := strconv.Atoi(lines)
	if head, rest, ok := strings.Cut(text, "\r\n\r\n"); err == nil && ok {
		body := strings.SplitAfterN(rest, "\r\n", n+1)
		text = head + "\r\n\r\n" + strings.Join(body[:min(n, len(body))], "")
	}

	if p.s.o.ShortTOP {
		text = strings.TrimSuffix(text, "\r\n")
	}
	return text
}

func (p *popSession) quit() {
	var r Reaction
	if p.s.o.Quit != nil {
		r = p.s.o.Quit()
	}
	if r.Refuse != "" {
		p.say("-ERR %s", r.Refuse)
		return
	}

	gone := map[string]bool{}
	for n := range p.deleted {
		gone[p.mail[n-1].uidl] = true
	}

	p.s.remove(gone)
	if !r.Drop {
		p.say("+OK bye")
	}
}
