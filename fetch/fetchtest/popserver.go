package fetchtest

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// POPOptions say how a POPServer behaves; the zero value speaks clear text and knows all commands.
type POPOptions struct {
	User, Password string // of its only user; "" = ann, and secret

	TLS     *tls.Config // nil = clear text only
	Wrapped bool        // TLS from the first byte; otherwise STLS, without which nobody can log in

	NoCAPA, NoUIDL, NoTOP bool // the command is unknown
	NoPipelining          bool // not offered, and a client that pipelines anyway fails the test
	ShortTOP              bool // TOP leaves out the empty line behind the header
	NoStuffing            bool // dots at the beginning of lines are not doubled
	DropsPipelined        bool // offered, but what the client sends before the answer is discarded
	EndsPipelined         bool // offered, but who pipelines behind the login is left without a word
	Exclusive             bool // one session at a time (RFC 1939 section 4); the next one is told [IN-USE]

	Retr func(uidl string) Reaction // to each RETR; nil = send the message
	Quit func() Reaction            // to each QUIT; with Drop the deletions count and nobody hears of it
	// whether a message comes back after its deletion was confirmed; nil = no
	Undeletes func(uidl string) bool
}

// Reaction is how a POPServer reacts to a command. The zero value obeys it.
type Reaction struct {
	Refuse string // answer -ERR and this
	Drop   bool   // close the connection without an answer, or behind Refuse
	Within bool   // close it in the middle of the answer
}

// POPServer is a complete POP3 server (RFC 1939, 2449, 2595) in memory on loopback, with one user. Deletions
// are final when QUIT is answered, and only then.
type POPServer struct {
	Port     int
	User     string
	Password string

	o    POPOptions
	ln   net.Listener
	wg   sync.WaitGroup
	fail func(format string, args ...any) // of a client that does what it must not

	mu     sync.Mutex
	mail   []popMessage
	last   int // number of the last UIDL given
	locked bool
	conns  map[net.Conn]struct{}
	ended  sync.Cond // a session has ended
	heard  []string
}

type popMessage struct {
	uidl string
	text string // lines end in CRLF, the last one too
}

// StartPOPServer starts a server that ends with the test.
func StartPOPServer(tb testing.TB, o POPOptions) *POPServer {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(tb, err)
	s := ServePOP(ln, o, tb.Errorf)
	tb.Cleanup(s.Close)
	return s
}

// ServePOP starts a server on ln, a TCP listener that may have TLS around it. Close ends both. It calls fail,
// from any goroutine, when a client does what it must not.
func ServePOP(ln net.Listener, o POPOptions, fail func(format string, args ...any)) *POPServer {
	s := &POPServer{User: cmp.Or(o.User, "ann"), Password: cmp.Or(o.Password, "secret"), o: o, ln: ln,
		fail: fail, conns: map[net.Conn]struct{}{}}
	s.ended.L = &s.mu
	s.Port = ln.Addr().(*net.TCPAddr).Port
	s.wg.Go(s.accept)
	return s
}

func (s *POPServer) accept() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		s.wg.Go(func() {
			defer s.left(conn)
			s.serve(conn)
		})
	}
}

func (s *POPServer) left(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	s.ended.Broadcast()
}

// AwaitSessions waits until no session is under way: what the options' functions use is the test's alone
// then.
func (s *POPServer) AwaitSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.conns) > 0 {
		s.ended.Wait()
	}
}

// Close ends the server and all sessions, and waits for them.
func (s *POPServer) Close() {
	_ = s.ln.Close()
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// Append adds messages; sessions that are logged in do not see them.
func (s *POPServer) Append(messages ...[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		s.last++
		s.add(fmt.Sprintf("uidl-%d", s.last), m)
	}
}

// AppendAs adds a message under this UIDL, which an earlier one may have had.
func (s *POPServer) AppendAs(uidl string, message []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(uidl, message)
}

func (s *POPServer) add(uidl string, message []byte) {
	text := string(message)
	if !strings.HasSuffix(text, "\r\n") {
		text += "\r\n"
	}
	s.mail = append(s.mail, popMessage{uidl, text})
}

// Remove is another client that deletes the first message with this UIDL, and tells whether there was one.
func (s *POPServer) Remove(uidl string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.mail, func(m popMessage) bool { return m.uidl == uidl })
	if i >= 0 {
		s.mail = slices.Delete(s.mail, i, i+1)
	}
	return i >= 0
}

// Renumber gives all messages other UIDLs.
func (s *POPServer) Renumber() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.mail {
		s.last++
		s.mail[i].uidl = fmt.Sprintf("uidl-%d", s.last)
	}
}

// UIDLs are those of the messages in the maildrop.
func (s *POPServer) UIDLs() (uidls []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.mail {
		uidls = append(uidls, m.uidl)
	}
	return uidls
}

// Count is the number of messages in the maildrop.
func (s *POPServer) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mail)
}

// Commands are the verbs that the server has received so far, in upper case.
func (s *POPServer) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.heard)
}

// open gives a session the maildrop. It returns false if another session has it.
func (s *POPServer) open() ([]popMessage, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.o.Exclusive && s.locked {
		return nil, false
	}
	s.locked = true
	return slices.Clone(s.mail), true
}

// release ends a session that had the maildrop.
func (s *POPServer) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locked = false
}

// remove makes deletions final.
func (s *POPServer) remove(uidls map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mail = slices.DeleteFunc(s.mail, func(m popMessage) bool {
		return uidls[m.uidl] && (s.o.Undeletes == nil || !s.o.Undeletes(m.uidl))
	})
}

func (s *POPServer) hear(verb string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, verb)
}
