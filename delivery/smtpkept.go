package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"

	"fetchd/fetch/login"
	"fetchd/fetch/wire"
)

// connect gives a connection that waited, or else a new one.
func (d *SMTP) connect(ctx context.Context, fresh bool) (*smtpSession, error) {
	if !fresh {
		if s := d.kept.take(); s != nil {
			return s, nil
		}
	}

	d.mu.Lock()
	chosen := d.chosen
	d.mu.Unlock()
	var errs []error

	for _, i := range d.order(chosen) {
		s, err := d.open(ctx, &d.o.Servers[i])
		if err == nil {
			d.mu.Lock()
			d.chosen = i
			d.mu.Unlock()
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", d.o.Servers[i].String(), context.Cause(ctx))
		}
		errs = append(errs, fmt.Errorf("%s: %w", d.o.Servers[i].String(), err))
		// The next server would be told the same password, or fail in the same way.
		if !passableLogin(err) {
			break
		}
	}

	return nil, &Error{Class: Unusable, Err: &UnreachableError{errs}}
}

// order is that in which servers are tried: the one that answered last, and then as they are named.
func (d *SMTP) order(chosen int) []int {
	order := []int{chosen}
	for i := range d.o.Servers {
		if i != chosen {
			order = append(order, i)
		}
	}
	return order
}

// open connects to a server and logs in.
func (d *SMTP) open(ctx context.Context, server *SMTPServer) (*smtpSession, error) {
	o := login.Options{
		Service: server.service(), Account: server.String(), Host: server.Host, Port: server.Port,
		Plugin: server.Plugin,
		TLS:    server.TLS, Policy: server.Policy, Auth: login.NoAuth, Hidden: d.o.Hidden,
		Timeout: d.o.Timeout, Trace: d.o.Trace, Log: d.o.Log,
	}

	if d.o.User != "" {
		o.Auth, o.User, o.Password = cmp.Or(d.o.Auth, "any"), d.o.User, d.o.Password
	}

	raw, err := server.dial(ctx, o)
	if err != nil {
		return nil, err
	}

	conn := login.New(raw, o)
	dialogue := &smtpDialogue{conn: conn, lmtp: server.LMTP, name: d.o.Name}
	if _, err := login.Run(ctx, conn, dialogue, o); err != nil {
		return nil, err
	}

	return newSMTPSession(d, server, conn, parseExtensions(dialogue.words)), nil
}

func (s *SMTPServer) dial(ctx context.Context, o login.Options) (net.Conn, error) {
	if s.Socket == "" {
		return login.Dial(ctx, o)
	}
	conn, err := wire.DialUnix(ctx, s.Socket, o.Timeout)
	return conn, login.Fail(login.KindNetwork, err)
}

func (s *smtpSession) hasNews() bool { return s.conn.Unread() }

func (s *smtpSession) close() { _ = s.conn.Close() }

// quit ends the session with QUIT.
func (s *smtpSession) quit() {
	s.conn.SetTimeout(quitTimeout)
	if s.conn.WriteLine("QUIT", "") == nil {
		_, _ = readSMTPReply(s.conn)
	}
	_ = s.conn.Break(errors.New("taken leave of"))
	_ = s.conn.Close()
}
