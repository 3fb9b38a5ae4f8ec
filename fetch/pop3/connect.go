// Package pop3 is the mailbox session for POP3 (RFC 1939). The greeting, STLS and the login are its own
// dialogue on a wire.Conn; then go-pop3 sends the commands of the session through an adapter that never lets
// it read ahead, while the lists and the bodies of messages are read straight from the connection, with
// pipelining (RFC 2449) if the server offers it.
//
// Connect is the entry; it returns a fetch.Session. Deletions are sent and made final in Commit, so that a
// connection that is lost earlier leaves every message on the server.
package pop3

import (
	"context"
	"errors"
	"net"

	"fetchd/fetch"
	"fetchd/fetch/fault"
	"fetchd/fetch/login"
	"fetchd/fetch/wire"
	"fetchd/tlsverify/hints"
)

// Quirks remembers servers that offer PIPELINING and then get it wrong; they get one command at a time. The
// zero value is ready to use. It is safe for concurrent use.
type Quirks struct {
	slow      wire.Unable // does not pipeline
	miscounts wire.Unable // STAT counts more messages than the lists have, and that was said
}

// Connect is a fetch.Connector that knows no quirks.
func Connect(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
	return new(Quirks).Connect(ctx, a)
}

// Connect is a fetch.Connector: it dials, verifies the server, and logs in.
func (q *Quirks) Connect(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
	o := a.Login(service)
	conn, err := login.Dial(ctx, o)
	if err != nil {
		return nil, o.At(err)
	}
	s, err := q.start(ctx, a, conn)
	return s, o.At(err)
}

// start makes a session on a new connection, which it closes after an error.
func (q *Quirks) start(ctx context.Context, a *fetch.Account, conn net.Conn) (_ fetch.Session, err error) {
	defer func() {
		if err != nil {
			_ = conn.Close()
		}
	}()
	defer fault.Recover(&err)

	o := a.Login(service)
	s := &session{a: a, c: login.New(conn, o), quirks: q, host: o.Server()}
	defer s.c.Bind(ctx)()
	if err := s.logIn(ctx, o); err != nil {
		return nil, s.pipelined(err, true)
	}

	client, err := newClient(s.c)
	if err != nil {
		return nil, fetch.Fail(fetch.KindProtocol, err)
	}

	s.client = client
	return s, nil
}

// logIn takes the connection into the TRANSACTION state. What the server listed before, over TLS, says how to
// ask for what it lists now: that travels with the first commands, see listing.go.
func (s *session) logIn(ctx context.Context, o login.Options) error {
	d := &dialogue{c: s.c, pipeline: !s.quirks.slow.Has(s.host)}
	_, err := login.Run(ctx, s.c, d, o)
	// Also after an error: whether commands were pipelined decides what is made of it.
	s.caps = d.caps
	s.window = max(nearWindow, fetch.Window(s.c.Latency()))
	return err
}

// session is one connection, logged in.
type session struct {
	a      *fetch.Account
	c      *wire.Conn
	client *client
	quirks *Quirks
	host   string // and port: the key in quirks
	caps   capabilities
	window int64       // how many bytes of messages to ask for at a time
	noCAPA *ReplyError // how CAPA was refused behind the login
	ended  bool        // QUIT was sent

	together bool // the list was asked for at once, by what was listed before the login, and is awaited
}

// Mailboxes implements fetch.Session: a maildrop has no name.
func (s *session) Mailboxes(context.Context) ([]string, error) { return []string{""}, nil }

// Peer implements fetch.Session.
func (s *session) Peer() string { return s.c.RemoteIP() }

// Close implements fetch.Session. Its error is always nil: what had to be confirmed was in Commit, so that a
// QUIT that is still to be said needs no answer.
func (s *session) Close() error {
	if !s.ended && s.c.Err() == nil {
		s.ended = true
		// A server that gets no QUIT may keep the maildrop locked until its time-out (RFC 1939 section 3: 10
		// minutes).
		_ = s.c.WriteLine("QUIT", "")
	}
	_ = s.c.Close()
	return nil
}

// pipelining tells whether commands may be sent before the earlier ones are answered.
func (s *session) pipelining() bool {
	return s.caps.has("PIPELINING") && !s.quirks.slow.Has(s.host)
}

// pipelined looks at the error of an exchange that was pipelined: a server that was out of step is
// remembered, and, with silent, one that did not answer: it may have dropped what came behind the first
// command. The error then is a fetch.ErrSimpler: a single pass has no later one to do better.
func (s *session) pipelined(err error, silent bool) error {
	if errors.Is(err, errOutOfStep) || silent && wire.IsTimeout(err) {
		return s.simpler(err)
	}
	return err
}

// simpler remembers that the server does not pipeline after all.
func (s *session) simpler(err error) error {
	// Where one command was sent at a time, pipelining can't be the cause.
	if !s.pipelining() && !s.together {
		return err
	}
	s.quirks.slow.Add(s.host)
	return hints.Errorf("", "%w (PIPELINING: %w)", err, fetch.ErrSimpler)
}

// listFailed explains why there is no list. A server, or a scanner in front of it, that ends the connection
// without a word may do so because commands came together.
func (s *session) listFailed(ctx context.Context, err error) error {
	err = s.cause(ctx, s.pipelined(err, true))
	if ctx.Err() == nil && fetch.KindOf(err) == fetch.KindNetwork && wire.HasEnded(err) {
		return s.simpler(err)
	}
	return err
}
