package logintest

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"fetchd/fetch/login"
)

// verdict is what a server says about one try.
type verdict struct{ code, text string }

// server is a mail server that knows nothing but logins. The zero value with a dialect and a certificate is
// honest and lets everybody in; its fields make it dishonest.
type server struct {
	dialect Dialect
	cert    *tls.Config

	// How it departs from honesty; set before it serves.
	wrapped   bool
	refused   string   // at the greeting
	preauth   bool     // greets with it
	noTLS     bool     // refuses STARTTLS
	injected  string   // sent together with the answer to STARTTLS
	before    []string // mechanisms offered in clear text before TLS; nil = as offered
	offered   []string // mechanisms
	flood     bool     // endless capabilities
	known     bool     // it says that it knows the user
	challenge string   // the first of every exchange; "" = none of its own
	accepts   bool     // logins that were cancelled
	refuses   map[string]verdict
	drips     time.Duration // between two bytes; 0 = it writes at once
	lines     int           // it falls silent instead of its n-th answer; 0 = never
	closes    int           // likewise, ends the connection
	cuts      bool          // ends the connection instead of the handshake

	mu    sync.Mutex // guards what follows
	clear []string   // lines heard in clear text
	heard []string   // all lines
	tries []string   // mechanisms tried; "own" is the protocol's own login

	// Owned by serve.
	conn    net.Conn
	r       *bufio.Reader
	said    int    // answers so far
	literal string // the tag of a login that continues
}

// serve speaks until the client leaves.
func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	s.use(conn)
	if s.wrapped && !s.secure() {
		return
	}

	greeting := s.dialect.Greeting(s.refused)
	if s.preauth {
		greeting = s.dialect.Preauth()
	}

	s.say(greeting)

	hello := false // a ClientHello is being read, whose lines may look like anything
	for {
		line, err := s.read()
		if err != nil {
			return
		}
		command := s.dialect.Read(line)
		if hello = hello || strings.HasPrefix(line, "\x16"); hello {
			command.Verb = Other
		}
		if !s.answer(command) {
			return
		}
	}
}

// answer does one command; false ends the connection.
func (s *server) answer(c Command) bool {
	_, secure := s.conn.(*tls.Conn)
	switch c.Verb {
	case StartTLS:
		if s.noTLS {
			s.reply(c, login.Refused, "", "no")
			return true
		}
		s.say(s.dialect.Reply(c, login.OK, "", "go on") + s.injected)
		return s.secure()
	case Capabilities:
		mechanisms := s.offered
		if s.before != nil && !secure {
			mechanisms = s.before
		}
		if s.flood {
			mechanisms = slices.Repeat([]string{"X-EVIL"}, 1<<16)
		}
		s.say(s.dialect.Offer(c, !secure, mechanisms))
	case Auth:
		s.auth(c)
	case Name:
		s.reply(c, login.OK, "", "and the password?")
	case Literal:
		if s.literal == "" {
			s.literal = c.Tag
		}
		s.reply(c, login.Challenge, "", "go on")
	case Password:
		s.judge(c, "own")
	case Known:
		if s.known {
			s.reply(c, login.OK, "", "of course")
			return true
		}
		s.reply(c, login.Refused, "", "who?")
	default:
		if c.Tag = cmp.Or(s.literal, c.Tag); s.literal != "" {
			s.literal = ""
			s.judge(c, "own")
			return true
		}
		s.reply(c, login.Refused, "", "what?")
	}

	return true
}

// auth is an exchange; every proof is accepted.
func (s *server) auth(c Command) {
	if s.challenge != "" {
		s.reply(c, login.Challenge, "", s.challenge)
		line, err := s.read()
		if err != nil {
			return
		}
		if strings.Trim(line, `"`) == "*" {
			s.tried(c.Mechanism + " cancelled")
			status := login.Refused
			if s.accepts {
				status = login.OK
			}
			s.reply(c, status, "", "cancelled")
			return
		}
	}

	rounds := 1
	switch {
	case c.Mechanism == "LOGIN":
		rounds = 2
	case strings.HasPrefix(c.Mechanism, "SCRAM-"): // it reports success at once, without a proof
		rounds = 0
	}

	if c.Initial != "" {
		rounds--
	}

	for range rounds {
		challenge := ""
		if c.Mechanism == "CRAM-MD5" {
			challenge = "PDEuMkB4Pg=="
		}
		s.reply(c, login.Challenge, "", challenge)
		if _, err := s.read(); err != nil {
			return
		}
	}

	s.judge(c, c.Mechanism)
}

func (s *server) judge(c Command, mechanism string) {
	s.tried(mechanism)
	if v, ok := s.refuses[mechanism]; ok {
		s.reply(c, login.Refused, v.code, v.text)
		return
	}
	s.reply(c, login.OK, "", "welcome")
}

func (s *server) tried(mechanism string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries = append(s.tries, mechanism)
}

func (s *server) use(conn net.Conn) { s.conn, s.r = conn, bufio.NewReader(conn) }

func (s *server) secure() bool {
	if s.cuts {
		_, _ = s.r.ReadByte()
		return false
	}
	secure := tls.Server(s.conn, s.cert)
	if secure.Handshake() != nil {
		return false
	}
	s.use(secure)
	return true
}

func (s *server) read() (string, error) {
	line, err := s.r.ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	if line != "" {
		s.heard = append(s.heard, line)
		if _, secure := s.conn.(*tls.Conn); !secure {
			s.clear = append(s.clear, line)
		}
	}
	return line, err
}

func (s *server) reply(c Command, status login.Status, code, text string) {
	s.say(s.dialect.Reply(c, status, code, text))
}

// say writes text: slowly, or not at all, if the server is of that kind.
func (s *server) say(text string) {
	if s.said++; s.lines > 0 && s.said >= s.lines {
		_, _ = io.Copy(io.Discard, s.conn) // silent until the client leaves
		return
	}

	if s.closes > 0 && s.said >= s.closes {
		_ = s.conn.Close()
		return
	}

	if s.drips == 0 {
		_, _ = io.WriteString(s.conn, text)
		return
	}

	for i := range len(text) {
		<-time.After(s.drips)
		if _, err := io.WriteString(s.conn, text[i:i+1]); err != nil {
			return
		}
	}
}
