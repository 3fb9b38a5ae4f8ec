package demo

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// pop3Server is a small POP3 server (RFC 1939) for one login; deletions are made final by QUIT.
type pop3Server struct {
	listener        net.Listener
	login, password string

	mu       sync.Mutex
	messages []Message
	conns    map[net.Conn]struct{}
	wg       sync.WaitGroup
}

// idle is when a connection without commands is closed.
const idle = 10 * time.Minute

func startPOP3(l net.Listener, login, password string, messages []Message) *pop3Server {
	s := &pop3Server{listener: l, login: login, password: password,
		messages: append([]Message(nil), messages...), conns: map[net.Conn]struct{}{}}
	s.wg.Go(s.accept)
	return s
}

func (s *pop3Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		s.wg.Go(func() {
			defer func() {
				s.mu.Lock()
				delete(s.conns, conn)
				s.mu.Unlock()
				_ = conn.Close()
			}()
			s.serve(conn)
		})
	}
}

func (s *pop3Server) close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

// pop3Session is one connection. Messages are numbered as they were at its login.
type pop3Session struct {
	server   *pop3Server
	out      *bufio.Writer
	user     string
	loggedIn bool
	messages []Message
	deleted  map[int]bool
}

func (s *pop3Server) serve(conn net.Conn) {
	session := &pop3Session{server: s, out: bufio.NewWriter(conn), deleted: map[int]bool{}}
	in := bufio.NewReaderSize(conn, 1024)
	session.say("+OK demonstration server ready")
	for {
		if in.Buffered() == 0 && session.out.Flush() != nil {
			return
		}
		_ = conn.SetDeadline(time.Now().Add(idle))
		text, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		verb, arg, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
		if session.command(strings.ToUpper(verb), arg) {
			_ = session.out.Flush()
			return
		}
	}
}

func (s *pop3Session) say(format string, args ...any) {
	fmt.Fprintf(s.out, format+"\r\n", args...)
}

// command answers one command and returns whether it was the last.
func (s *pop3Session) command(verb, arg string) (quit bool) {
	switch {
	case verb == "QUIT":
		s.commit()
		s.say("+OK bye")
		return true
	case verb == "CAPA":
		s.say("+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\nRESP-CODES\r\n.")
	case verb == "NOOP":
		s.say("+OK")
	case verb == "USER" && !s.loggedIn:
		s.user = arg
		s.say("+OK")
	case verb == "PASS" && !s.loggedIn:
		s.logIn(arg)
	case !s.loggedIn:
		s.say("-ERR log in first")
	default:
		s.transaction(verb, arg)
	}

	return false
}

func (s *pop3Session) logIn(password string) {
	if s.user != s.server.login || password != s.server.password {
		s.say("-ERR [AUTH] wrong name or password")
		return
	}
	s.server.mu.Lock()
	s.messages = append([]Message(nil), s.server.messages...)
	s.server.mu.Unlock()
	s.loggedIn = true
	s.say("+OK logged in")
}

// transaction answers the commands that need a login.
func (s *pop3Session) transaction(verb, arg string) {
	switch verb {
	case "STAT":
		count, size := 0, 0
		s.each(func(_ int, m Message) { count, size = count+1, size+len(m.Text) })
		s.say("+OK %d %d", count, size)
	case "UIDL", "LIST":
		s.list(verb, arg)
	case "RETR", "TOP":
		number, _, _ := strings.Cut(arg, " ")
		if m, ok := s.message(number); ok {
			s.say("+OK %d octets", len(m.Text))
			stuff(s.out, m.Text)
			s.say(".")
		}
	case "DELE":
		if _, ok := s.message(arg); ok {
			n, _ := strconv.Atoi(arg)
			s.deleted[n] = true
			s.say("+OK")
		}
	case "RSET":
		s.deleted = map[int]bool{}
		s.say("+OK")
	default:
		s.say("-ERR unknown command")
	}
}

func (s *pop3Session) each(f func(n int, m Message)) {
	for i, m := range s.messages {
		if !s.deleted[i+1] {
			f(i+1, m)
		}
	}
}

// message finds a message by its number, or says that there is none.
func (s *pop3Session) message(number string) (Message, bool) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(s.messages) || s.deleted[n] {
		s.say("-ERR no such message")
		return Message{}, false
	}
	return s.messages[n-1], true
}

func (s *pop3Session) list(verb, arg string) {
	item := func(n int, m Message) string {
		if verb == "UIDL" {
			return fmt.Sprintf("%d %s", n, uid(m))
		}
		return fmt.Sprintf("%d %d", n, len(m.Text))
	}

	if arg != "" {
		if m, ok := s.message(arg); ok {
			n, _ := strconv.Atoi(arg)
			s.say("+OK %s", item(n, m))
		}
		return
	}

	s.say("+OK")
	s.each(func(n int, m Message) { s.say("%s", item(n, m)) })
	s.say(".")
}

// uid is the message's UIDL: its name, which is unique here.
func uid(m Message) string { return strings.ReplaceAll(m.Name, " ", "-") }

// stuff writes text in whole lines, with a dot before each line that begins with one (RFC 1939 section 3).
func stuff(w io.Writer, text []byte) {
	for len(text) > 0 {
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line = text[:i+1]
		}
		text = text[len(line):]
		if line[0] == '.' {
			_, _ = io.WriteString(w, ".")
		}
		_, _ = w.Write(line)
		if line[len(line)-1] != '\n' {
			_, _ = io.WriteString(w, "\r\n")
		}
	}
}

// commit removes what the session has deleted.
func (s *pop3Session) commit() {
	gone := map[string]bool{}
	for n := range s.deleted {
		gone[uid(s.messages[n-1])] = true
	}

	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	var left []Message
	for _, m := range s.server.messages {
		if !gone[uid(m)] {
			left = append(left, m)
		}
	}

	s.server.messages = left
}
