package fetchtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Stored is a message as the server holds it.
type Stored struct {
	UID   uint32
	Flags []string // as the server writes them, without \Recent
	Date  string   // INTERNALDATE, as the server writes it
	Body  []byte
}

// session is a clear-text IMAP session of our own, so that a test doesn't look at the server with the code
// that it tests.
type session struct {
	tb   testing.TB
	conn net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
}

// sessionTime bounds a session. GNU Mailutils on a busy machine needs more than a minute for what is large.
const sessionTime = 3 * time.Minute

func (d *Dovecot) session(tb testing.TB, user string) *session {
	tb.Helper()
	return newSession(tb, d.IMAP, user, d.Password)
}

func newSession(tb testing.TB, port int, user, password string) *session {
	tb.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	check(tb, err)
	check(tb, conn.SetDeadline(time.Now().Add(sessionTime)))
	s := &session{tb, conn, bufio.NewReaderSize(conn, 64<<10), bufio.NewWriterSize(conn, 64<<10)}
	_, err = s.r.ReadString('\n')
	check(tb, err)
	s.do(nil, "LOGIN %s %s", user, password)
	return s
}

func (s *session) close() {
	s.tb.Helper()
	s.do(nil, "LOGOUT")
	check(s.tb, s.conn.Close())
}

// do sends a command and passes each untagged response to f: its text and the literals in it.
func (s *session) do(f func(text string, literals [][]byte), format string, args ...any) {
	s.tb.Helper()
	_, err := fmt.Fprintf(s.w, "t "+format+"\r\n", args...)
	check(s.tb, err)
	s.finish(f)
}

func (s *session) finish(f func(text string, literals [][]byte)) {
	s.tb.Helper()
	check(s.tb, s.w.Flush())
	for {
		text, literals := s.response()
		if status, tagged := strings.CutPrefix(text, "t "); tagged {
			if !strings.HasPrefix(status, "OK") {
				s.tb.Fatalf("dovecot: %s", status)
			}
			return
		}
		if f != nil {
			f(text, literals)
		}
	}
}

func (s *session) response() (text string, literals [][]byte) {
	s.tb.Helper()
	for {
		line, err := s.r.ReadString('\n')
		check(s.tb, err)
		text += strings.TrimSuffix(line, "\r\n")
		open := strings.LastIndexByte(text, '{')
		if open < 0 || !strings.HasSuffix(text, "}") {
			return text, literals
		}
		n, err := strconv.Atoi(text[open+1 : len(text)-1])
		check(s.tb, err)
		literal := make([]byte, n)
		_, err = io.ReadFull(s.r, literal)
		check(s.tb, err)
		literals = append(literals, literal)
	}
}

func quote(mailbox string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(mailbox) + `"`
}

// Append adds messages to a mailbox of a user, creating it if it is missing. flags are as in IMAP (`\Seen`).
// Lines end in CRLF on the server, whatever they end in here; a NUL is not possible. 5000 small messages take
// well under a second.
func (d *Dovecot) Append(tb testing.TB, user, mailbox string, messages [][]byte, flags ...string) {
	tb.Helper()
	s := d.session(tb, user)
	defer s.close()
	if mailbox != "INBOX" {
		exists := false
		s.do(func(string, [][]byte) { exists = true }, "LIST \"\" %s", quote(mailbox))
		if !exists {
			s.do(nil, "CREATE %s", quote(mailbox))
		}
	}

	const group = 500 // in one MULTIAPPEND
	for len(messages) > 0 {
		n := min(group, len(messages))
		_, err := fmt.Fprintf(s.w, "t APPEND %s", quote(mailbox))
		check(tb, err)
		for _, m := range messages[:n] {
			_, err := fmt.Fprintf(s.w, " (%s) {%d+}\r\n%s", strings.Join(flags, " "), len(m), m)
			check(tb, err)
		}
		_, err = s.w.WriteString("\r\n")
		check(tb, err)
		s.finish(nil)
		messages = messages[n:]
	}
}

// List returns the messages of a mailbox, by rising UID, without changing anything.
func (d *Dovecot) List(tb testing.TB, user, mailbox string) []Stored {
	tb.Helper()
	return d.fetch(tb, user, mailbox, "(UID FLAGS INTERNALDATE BODY.PEEK[])")
}

// Flags returns the flags of each message of a mailbox by UID, without \Recent.
func (d *Dovecot) Flags(tb testing.TB, user, mailbox string) map[uint32][]string {
	tb.Helper()
	flags := map[uint32][]string{}
	for _, m := range d.fetch(tb, user, mailbox, "(UID FLAGS)") {
		flags[m.UID] = m.Flags
	}
	return flags
}

// Count is the number of messages in a mailbox.
func (d *Dovecot) Count(tb testing.TB, user, mailbox string) int {
	tb.Helper()
	return len(d.fetch(tb, user, mailbox, "(UID FLAGS)"))
}

// Store adds flags to all messages of a mailbox, as another client would.
func (d *Dovecot) Store(tb testing.TB, user, mailbox string, flags ...string) {
	tb.Helper()
	s := d.session(tb, user)
	defer s.close()
	s.do(nil, "SELECT %s", quote(mailbox))
	s.do(nil, "STORE 1:* +FLAGS.SILENT (%s)", strings.Join(flags, " "))
}

// Renumber gives a mailbox other than INBOX a new UIDVALIDITY: it is deleted and made again with the same
// messages.
func (d *Dovecot) Renumber(tb testing.TB, user, mailbox string) {
	tb.Helper()
	stored := d.List(tb, user, mailbox)
	s := d.session(tb, user)
	s.do(nil, "DELETE %s", quote(mailbox))
	s.close()
	for _, m := range stored {
		d.Append(tb, user, mailbox, [][]byte{m.Body}, m.Flags...)
	}
}

// Obstruct says whether a user whom LMTP knows, as USER@localhost, and who has no mail yet, can't have any.
func (d *Dovecot) Obstruct(tb testing.TB, user string, on bool) {
	tb.Helper()
	home := filepath.Join(d.dir, "mail", user+"@localhost")
	if !on {
		check(tb, os.Remove(home))
		return
	}
	check(tb, os.WriteFile(home, nil, 0o644)) // where a directory must be
}

func (d *Dovecot) fetch(tb testing.TB, user, mailbox, items string) []Stored {
	tb.Helper()
	s := d.session(tb, user)
	defer s.close()
	return s.fetch(mailbox, items)
}

func (s *session) fetch(mailbox, items string) []Stored {
	s.tb.Helper()
	exists := regexp.MustCompile(`^\* (\d+) EXISTS$`)
	uid, flags := regexp.MustCompile(`[( ]UID (\d+)`), regexp.MustCompile(`[( ]FLAGS \(([^)]*)\)`)
	date := regexp.MustCompile(`INTERNALDATE "([^"]*)"`)
	empty := true

	s.do(func(text string, _ [][]byte) {
		if m := exists.FindStringSubmatch(text); m != nil && m[1] != "0" {
			empty = false
		}
	}, "EXAMINE %s", quote(mailbox))

	if empty {
		return nil
	}

	var all []Stored
	s.do(func(text string, literals [][]byte) {
		u, f := uid.FindStringSubmatch(text), flags.FindStringSubmatch(text)
		if u == nil || f == nil {
			return
		}

		n, err := strconv.ParseUint(u[1], 10, 32)
		check(s.tb, err)
		m := Stored{UID: uint32(n)}
		if d := date.FindStringSubmatch(text); d != nil {
			m.Date = d[1]
		}
		for flag := range strings.FieldsSeq(f[1]) {
			if flag != `\Recent` {
				m.Flags = append(m.Flags, flag)
			}
		}

		if len(literals) > 0 {
			m.Body = literals[0]
		}

		all = append(all, m)
	}, "FETCH 1:* %s", items)

	return all
}

// AppendAt adds a message with flags and an INTERNALDATE to a mailbox that is there.
func (d *Dovecot) AppendAt(tb testing.TB, user, mailbox, date string, message []byte, flags ...string) {
	tb.Helper()
	s := d.session(tb, user)
	defer s.close()
	s.do(nil, "APPEND %s (%s) %q {%d+}\r\n%s", quote(mailbox),
		strings.Join(flags, " "), date, len(message), message)
}
