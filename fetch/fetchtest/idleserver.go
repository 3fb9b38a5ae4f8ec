package fetchtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// IdleServer is an IMAP server for many connections at a time: it knows what a retrieval that watches INBOX
// says, and holds little for each of them. Every user may log in.
type IdleServer struct {
	Port int
	wg   sync.WaitGroup

	mu      sync.Mutex
	mail    map[string]int      // messages of each user; UID is their number
	idling  map[string]net.Conn // who is in IDLE
	told    map[net.Conn]int    // how many messages its client knows of
	conns   map[net.Conn]struct{}
	Changed chan struct{} // capacity 1: something of the above did
}

// StartIdleServer starts a server on ln that ends with the test.
func StartIdleServer(tb testing.TB, ln net.Listener) *IdleServer {
	tb.Helper()
	s := &IdleServer{
		Port: ln.Addr().(*net.TCPAddr).Port, mail: map[string]int{}, idling: map[string]net.Conn{},
		told:  map[net.Conn]int{},
		conns: map[net.Conn]struct{}{}, Changed: make(chan struct{}, 1),
	}
	s.Serve(ln)
	tb.Cleanup(func() {
		s.HangUp()
		s.wg.Wait()
	})
	tb.Cleanup(func() { ln.Close() })
	return s
}

// Serve accepts connections from ln, in the background, until that is closed. A server that is started again
// is one whose listener was closed, and who has another.
func (s *IdleServer) Serve(ln net.Listener) {
	s.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(conn) })
		}
	})
}

// HangUp closes all connections.
func (s *IdleServer) HangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
}

// Update changes the state and tells whoever waits for it.
func (s *IdleServer) Update(f func()) {
	s.mu.Lock()
	f()
	s.mu.Unlock()
	select {
	case s.Changed <- struct{}{}:
	default:
	}
}

// Deliver puts a message into a user's mailbox.
func (s *IdleServer) Deliver(user string) {
	s.Update(func() {
		s.mail[user]++
		if conn := s.idling[user]; conn != nil {
			s.tell(conn, user)
		}
	})
}

// tell announces the user's messages on conn; s.mu is held.
func (s *IdleServer) tell(conn net.Conn, user string) {
	s.told[conn] = s.mail[user]
	fmt.Fprintf(conn, "* %d EXISTS\r\n", s.mail[user])
}

// Counts is how many connections there are, and how many of them are in IDLE.
func (s *IdleServer) Counts() (open, idle int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns), len(s.idling)
}

func (s *IdleServer) serve(conn net.Conn) {
	s.Update(func() { s.conns[conn] = struct{}{} })
	d := &idleDialogue{s: s, conn: conn}
	defer s.Update(func() {
		delete(s.conns, conn)
		delete(s.told, conn)
		if s.idling[d.user] == conn {
			delete(s.idling, d.user)
		}
		conn.Close()
	})

	if _, err := io.WriteString(conn, "* OK [CAPABILITY "+idleCapabilities+"] ready\r\n"); err != nil {
		return
	}

	for in := bufio.NewReaderSize(conn, 256); d.answer(in); {
	}
}

const idleCapabilities = "IMAP4rev1 IDLE UIDPLUS"

// idleDialogue is one connection.
type idleDialogue struct {
	s    *IdleServer
	conn net.Conn
	user string
	tag  string // of the IDLE under way
}

// answer reads a command and answers it; false at the end.
func (d *idleDialogue) answer(in *bufio.Reader) bool {
	line, err := in.ReadString('\n')
	if err != nil {
		return false
	}

	tag, command, _ := strings.Cut(strings.TrimSpace(line), " ")
	word, args, _ := strings.Cut(command, " ")
	if word == "UID" {
		word, args, _ = strings.Cut(args, " ")
	}
	if tag == "DONE" {
		tag, word = d.tag, "DONE"
	}

	d.s.mu.Lock()
	messages := d.s.mail[d.user]
	d.s.mu.Unlock()
	var b strings.Builder

	switch word {
	case "CAPABILITY":
		b.WriteString("* CAPABILITY " + idleCapabilities + "\r\n")
	case "LOGIN":
		user, _, _ := strings.Cut(args, " ")
		d.user = strings.Trim(user, `"`)
	case "SELECT", "EXAMINE":
		d.s.Update(func() { d.s.told[d.conn] = messages })
		fmt.Fprintf(&b, "* FLAGS (\\Seen)\r\n* %d EXISTS\r\n* OK [UIDVALIDITY 1] .\r\n"+
			"* OK [UIDNEXT %d] .\r\n", messages, messages+1)
	case "SEARCH":
		b.WriteString("* SEARCH" + found(args, messages) + "\r\n")
	case "FETCH":
		set, _, _ := strings.Cut(args, " ")
		for _, uid := range uids(set, messages) {
			text := fmt.Sprintf("Subject: %s %d\r\n\r\nhello\r\n", d.user, uid)
			fmt.Fprintf(&b, "* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n", uid, uid, len(text), text)
		}
	case "IDLE":
		d.tag = tag
		d.s.Update(func() {
			_, _ = io.WriteString(d.conn, "+ idling\r\n")
			d.s.idling[d.user] = d.conn
			if d.s.mail[d.user] > d.s.told[d.conn] { // also what came between two commands
				d.s.tell(d.conn, d.user)
			}
		})
		return true
	case "DONE":
		d.s.Update(func() { delete(d.s.idling, d.user) })
	case "LOGOUT":
		b.WriteString("* BYE .\r\n")
	}

	_, err = io.WriteString(d.conn, b.String()+tag+" OK .\r\n")
	return err == nil && word != "LOGOUT"
}

// found is the answer to a search for UIDs, or for all.
func found(criteria string, messages int) string {
	var b strings.Builder
	set := "1:*"
	for _, word := range strings.Fields(criteria) {
		if strings.HasSuffix(word, ":*") {
			set = word
		}
	}
	for _, uid := range uids(set, messages) {
		b.WriteString(" " + strconv.Itoa(uid))
	}
	return b.String()
}

// uids are those of a set with one range that exist; n:* has the last one at least.
func uids(set string, messages int) []int {
	first, last, isRange := strings.Cut(set, ":")
	from, _ := strconv.Atoi(first)
	to := from
	if last == "*" {
		to, from = messages, min(from, messages)
	} else if isRange {
		to, _ = strconv.Atoi(last)
	}

	var out []int
	for uid := max(1, from); uid <= min(to, messages); uid++ {
		out = append(out, uid)
	}
	return out
}
