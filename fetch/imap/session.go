// Package imap is an account's session on an IMAP server (RFC 9051, RFC 3501). The greeting, TLS and the
// login are a dialogue of its own; from then on emersion/go-imap's client works on the connection, behind a
// guard that keeps what the server sends within bounds.
package imap

import (
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"fetchd/fetch"
	"fetchd/fetch/fault"
	"fetchd/fetch/journal"
	"fetchd/fetch/login"
	"fetchd/fetch/login/imapline"
	"fetchd/fetch/wire"
	"fetchd/tlsverify/hints"
)

// session implements fetch.Session.
type session struct {
	a             *fetch.Account
	conn          *wire.Conn
	guard         *guard
	client        *imapclient.Client // nil during IDLE, and after one in which the connection was lost
	seat          *clientConn        // client's
	quirks        *Quirks
	caps          []string
	window        int64 // how many bytes to ask for at a time
	release       func()
	mailbox       string   // selected
	shortSearches int      // looks in a row that found fewer messages than there are
	repeats       int      // see idling.pause
	selecting     bool     // SELECT is not answered yet
	last          *mailbox // opened last

	separator      string // between the levels of names; "" = not known
	separatorAsked bool

	changed chan struct{} // capacity 1: the server has reported a change in the selected mailbox
}

// Quirks remembers what servers offer and then get wrong. The zero value is ready to use. It is safe for
// concurrent use.
type Quirks struct {
	plain      wire.Unable // they can't compress
	noReturn   wire.Unable // they offer ESEARCH and refuse SEARCH RETURN
	oneAtATime wire.Unable // they refuse a command that comes before SELECT is answered
	textFirst  wire.Unable // they name the UID of a message behind its text
}

// Connect is a fetch.Connector that knows no quirks.
func Connect(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
	return new(Quirks).Connect(ctx, a)
}

// Connect is the fetch.Connector for IMAP.
func (q *Quirks) Connect(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
	o := a.Login(service)
	raw, err := login.Dial(ctx, o)
	if err != nil {
		return nil, o.At(err)
	}
	s, err := q.begin(ctx, a, raw)
	return s, o.At(err)
}

// begin makes a session on a new connection, which it closes after an error.
func (q *Quirks) begin(ctx context.Context, a *fetch.Account, raw net.Conn) (_ fetch.Session, err error) {
	defer func() {
		if err != nil {
			_ = raw.Close()
		}
	}()
	defer fault.Recover(&err)

	conn, alerts, caps, err := logIn(ctx, a, raw, q.plain.Has(server(a)))
	if err != nil {
		return nil, err
	}

	s := &session{a: a, conn: conn, quirks: q, caps: caps, changed: make(chan struct{}, 1)}
	s.window = fetch.Window(conn.Latency())
	s.release = s.conn.Bind(ctx)
	// Only what we use: imapclient sends more, and other, commands to a server that offers more.
	s.guard = newGuard(s.conn, s.offered("UIDPLUS", "MOVE", "ESEARCH", "IDLE", "UNSELECT"), alerts)
	s.guard.limit, s.guard.marks = offeredLimit(caps), a.WantsMarks()
	if err := s.startClient(); err != nil {
		_ = s.Close()
		return nil, s.broken(err)
	}

	s.introduce()
	return s, nil
}

// introduce tells the server who we are (RFC 2971): NetEase (163.com, 126.com) selects no mailbox before. The
// answer is of no interest, and not waited for.
func (s *session) introduce() {
	if !s.has("ID") {
		return
	}
	name, version, _ := strings.Cut(s.a.Version, "/")
	if name == "" {
		name = "fetchd"
	}
	s.client.ID(&imap.IDData{Name: name, Version: version})
}

// offered are those of names that the server has, as imapclient may see them: it must not learn of IMAP4rev2,
// because it would then send mailbox names in raw UTF-8 without having enabled that.
func (s *session) offered(names ...string) []string {
	out := []string{"IMAP4REV1"}
	for _, n := range names {
		if s.has(n) {
			out = append(out, n)
		}
	}
	return out
}

// rev2 are the extensions that IMAP4rev2 contains (RFC 9051 appendix E).
var rev2 = []string{"NAMESPACE", "UNSELECT", "UIDPLUS", "ESEARCH", "ENABLE", "IDLE", "SASL-IR", "MOVE",
	"LITERAL-"}

func (s *session) has(name string) bool {
	return slices.Contains(s.caps, name) || slices.Contains(s.caps, "IMAP4REV2") &&
		slices.Contains(rev2, name)
}

// Mailboxes implements fetch.Session.
func (s *session) Mailboxes(context.Context) ([]string, error) {
	var out []string
	listed := map[string]bool{}
	add := func(name string) {
		// The only name whose case does not matter (RFC 9051 section 5.1).
		if strings.EqualFold(name, "INBOX") {
			name = "INBOX"
		}
		if !listed[name] {
			listed[name] = true
			out = append(out, name)
		}
	}

	// First, and cut off at the end: what is in the list already is not added once more.
	for _, name := range s.a.ExcludedMailboxes {
		add(imapline.DecodeName(name))
	}
	// Mail that was moved there would be retrieved again, under another number.
	if s.a.MoveTo != "" && len(s.a.Patterns) > 0 {
		add(imapline.DecodeName(s.a.MoveTo))
	}

	excluded := len(out)
	for _, name := range s.a.Mailboxes {
		add(imapline.DecodeName(name))
	}

	for _, pattern := range s.a.Patterns {
		list, err := s.client.List("", imapline.DecodeName(pattern), nil).Collect()
		if err != nil {
			return nil, s.failed(fmt.Sprintf("list %q", pattern), err)
		}
		for _, l := range list {
			// Some list the root of all names, too.
			if l.Mailbox != "" && !slices.Contains(l.Attrs, imap.MailboxAttrNoSelect) &&
				!slices.Contains(l.Attrs, imap.MailboxAttrNonExistent) {
				add(l.Mailbox)
			}
		}
	}

	if len(out) == 0 && len(s.a.Patterns) == 0 {
		out = []string{"INBOX"}
	}

	return out[excluded:], nil
}

// Peer implements fetch.Session.
func (s *session) Peer() string { return s.conn.RemoteIP() }

// Close implements fetch.Session. It sends LOGOUT without waiting for the answer: everything else was
// answered before.
func (s *session) Close() error {
	if s.conn.Err() == nil {
		s.client.Logout()
	}
	s.release()
	_ = s.conn.Close()
	if s.client != nil {
		_ = s.client.Close() // waits for imapclient's reader
	}
	return nil
}

// Break implements fetch.Breaker.
func (s *session) Break(err error) { _ = s.conn.Break(err) }

func (s *session) notice() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// failed classifies the error of a command: the connection's own error if it has one, or else the server's NO
// or BAD. Where a server answered and then left, as Exchange does, its answer is the cause, and said first.
func (s *session) failed(act string, err error) error {
	var ierr *imap.Error
	answered := errors.As(err, &ierr)
	if cerr := s.connError(); cerr != nil {
		if answered {
			refusal, _ := s.refused(act, ierr)
			return thenLeft(refusal, cerr)
		}
		// Some answer a command so and never end it. It may be a mere warning, so it decides nothing.
		if r, warned := s.guard.lastWarning(); warned {
			act += fmt.Sprintf(": the server says %s %s; then", r.Word, s.conn.Quoted([]byte(r.Text)))
		}
		return fetch.Fail(fetch.KindNetwork, fmt.Errorf("%s: %w", act, cerr))
	}
	if answered {
		err, _ := s.refused(act, ierr)
		return err
	}
	return s.broken(fmt.Errorf("%s: %w", act, err))
}

// thenLeft is the error of a server that refused a command and ended the connection. It may be better next
// time, but not if the login has no right to the mailbox.
func thenLeft(refusal, left error) error {
	problem, hint := hints.Split(refusal)
	if fetch.KindOf(refusal) == fetch.KindAuth {
		return fetch.Fail(fetch.KindAuth, hints.Errorf(hint, "%s; then %v", problem, left))
	}
	return fetch.Fail(fetch.KindNetwork, hints.Errorf(hint, "%s; then %w", problem, left))
}

// refused returns the error of a server's NO or BAD, and whether the server would refuse similar commands
// too.
func (s *session) refused(act string, no *imap.Error) (err error, forAll bool) {
	code := ""
	if no.Code != "" {
		code = "[" + s.conn.Clean(string(no.Code)) + "] "
	}
	err = fmt.Errorf("%s: %s %s%s", act, no.Type, code, s.conn.Quoted([]byte(no.Text)))
	r := login.Reply{Word: string(no.Type), Code: string(no.Code), Text: no.Text}
	return r.Explain(err, fetch.KindServer), r.Exhausted()
}

// broken is an error that imapclient found in what the server sent: the connection can't be used any more.
func (s *session) broken(err error) error {
	if cerr := s.connError(); cerr != nil {
		return fetch.Fail(fetch.KindNetwork, cerr)
	}
	err = s.conn.CleanError(panicked(err))
	_ = s.conn.Break(err)
	return fetch.Fail(fetch.KindProtocol, err)
}

// panicked makes a *fault.Error of a panic that imapclient has caught in its reader and reports as text, with
// the stack.
func panicked(err error) error {
	_, text, ok := strings.Cut(err.Error(), "imapclient: panic reading response: ")
	if !ok {
		return err
	}
	value, stack, _ := strings.Cut(text, "\n")
	return &fault.Error{Value: value, Stack: stack}
}

// connError is the error that ended the connection, nil if imapclient closed it because of something it can't
// parse.
func (s *session) connError() error {
	err := s.conn.Err()
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, net.ErrClosed):
		return nil
	case errors.As(err, &corrupt):
		// From now on without compression: a server whose deflate stream is broken would fail each time.
		s.quirks.plain.Add(server(s.a))
		return fmt.Errorf("%w (COMPRESS=DEFLATE: %w)", err, fetch.ErrSimpler)
	}
	return err
}

// server is how the quirks name the account's server.
func server(a *fetch.Account) string {
	o := a.Login(service)
	return o.Server()
}

// uidSet turns the journal's kind of set into go-imap's.
func uidSet(s journal.Set) imap.UIDSet {
	var out imap.UIDSet
	for _, r := range s.Ranges() {
		out = append(out, imap.UIDRange{Start: imap.UID(r.First), Stop: imap.UID(r.Last)})
	}
	return out
}
