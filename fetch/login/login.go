// Package login takes a connection from its first byte to the point where the user is logged in, for every
// protocol. It is the only place that decides whether a secret may be sent.
//
// Run tells the story: TLS, the greeting, STARTTLS, capabilities, credentials, mechanisms. A Protocol
// supplies commands and replies and decides nothing. Package logintest holds what every Protocol must pass.
package login

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"fetchd/fetch/sasl"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
	"fetchd/tlsverify/hints"
)

// Mode is when TLS starts.
type Mode int

// The modes. There is no opportunistic one.
const (
	StartTLS  Mode = iota // STARTTLS or STLS, mandatory
	Wrapped               // TLS from the first byte
	ClearText             // never TLS: only where the user explicitly says so
)

// Options describe one login. The zero value is safe: without a policy no login succeeds.
type Options struct {
	Service Service
	Account string // for the log
	Host    string // what is dialled
	Port    int    // 0 = the service's for the mode
	Plugin  string // see wire.Dial
	TLS     Mode
	Policy  *tlsverify.Policy // what the server must prove; nil only with ClearText
	Auth    string            // rc-file word, see sasl.Choose; or implicit, ssh, NoAuth
	User    string
	AuthzID string // whose mailbox it is, if User acts for another; "" = User's
	// Password is asked for once the server is proven; nil = there is none.
	Password func(context.Context) (string, error)
	// Renew is asked for another secret after the server has refused this one; nil = there is never another.
	Renew   func(ctx context.Context, refused string) (string, error)
	Hidden  *wire.Concealer   // see wire.Options
	Timeout time.Duration     // longest wait for an answer; 0 = 5 minutes
	Rate    int64             // bytes a second; 0 = no limit
	Trace   func(line string) // nil = none
	Log     *slog.Logger      // nil = none
}

// Service is a protocol's name and its ports.
type Service struct {
	Name string // "IMAP"
	tlsverify.Ports

	// What the user writes, for hints, if it is not what an account has: for TLS from the first byte, and for
	// none.
	WrapWord, ClearWord string
}

// NoAuth is the Auth of a server that is spoken to without a login, as mail servers take mail for their own
// users.
const NoAuth = "none"

// wrapWord is quoted for a hint.
func (s Service) wrapWord() string { return strconv.Quote(cmp.Or(s.WrapWord, "ssl")) }

// What a login logs.
const (
	EventConnected = "connected"          // debug: account, host (with its port), tls
	EventTLS       = "server certificate" // info: account, verdict (*tlsverify.Verdict)
)

const (
	// defaultTimeout is for Options without one.
	defaultTimeout = 5 * time.Minute
	// loginTimeouts bounds the time from the first byte to the login, in time-outs, so that a server can't
	// stretch it by sending one byte a minute.
	loginTimeouts = 3
)

// Dial connects to the server. The connection is for New.
func Dial(ctx context.Context, o Options) (net.Conn, error) {
	conn, err := wire.Dial(ctx, o.Host, o.port(), o.Plugin, o.Timeout)
	return conn, NextStep(Fail(KindNetwork, err), BeforeLogin)
}

// New makes the connection that Run and its Protocol speak on.
func New(conn net.Conn, o Options) *wire.Conn {
	return wire.New(conn, wire.Options{
		Label: o.Service.Name, Timeout: o.Timeout, Trace: o.Trace, Rate: o.Rate, Hidden: o.Hidden,
	})
}

// Run verifies the server and logs in, within one time limit for the whole. p speaks on conn. Run returns
// what the server offers after the login, nil if it did not say. Its errors have a Kind; after an error the
// connection is closed.
func Run(ctx context.Context, conn *wire.Conn, p Protocol, o Options) (*Offer, error) {
	ctx, cancel := limit(ctx, o.Timeout)
	defer cancel()
	// The limit ends reads and writes that are under way, not only those to come.
	release := conn.Bind(ctx)
	defer release()

	a := &attempt{conn: conn, p: p, o: o, log: o.Log}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}

	if err := a.run(ctx); err != nil {
		_ = conn.Close()
		return nil, mayBeCrowded(ctx, a.overLogin(NextStep(Fail(KindNetwork, err), a.stage)))
	}

	return a.offer, nil
}

func limit(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	whole := loginTimeouts * timeout
	late := wire.Late(fmt.Sprintf("not logged in after %s", whole))
	return context.WithTimeoutCause(ctx, whole, late)
}

// port is the one that is dialled.
func (o *Options) port() int {
	if o.Port != 0 {
		return o.Port
	}
	return o.Service.Default(o.TLS == Wrapped)
}

// Server names what is dialled, host and port.
func (o *Options) Server() string { return net.JoinHostPort(o.Host, strconv.Itoa(o.port())) }

// attempt is one login under way.
type attempt struct {
	conn *wire.Conn
	p    Protocol
	o    Options
	log  *slog.Logger

	stage Stage

	// What the server said on the present channel. TLS and the login clear it.
	offer    *Offer // nil = not known
	greeting string
	loggedIn bool // by the greeting
}

// run is the order of the steps. Nothing secret is sent before logIn.
func (a *attempt) run(ctx context.Context) error {
	if a.o.TLS == Wrapped {
		if err := a.secure(ctx); err != nil {
			return err
		}
	}

	if err := a.greet(); err != nil {
		return err
	}
	// Nothing of the greeting survives the upgrade, and no command but STARTTLS goes before it.
	if a.o.TLS == StartTLS {
		if err := a.upgrade(ctx); err != nil {
			return err
		}
	}

	a.log.Debug(EventConnected, "account", a.o.Account, "host", a.o.Server(), "tls", a.conn.TLS())

	if !a.loggedIn {
		if err := a.logIn(ctx); err != nil {
			return err
		}
	}
	a.stage = LoggedIn

	// What was offered before the login may have changed with it.
	f, ok := a.p.(Finisher)
	if !ok {
		return nil
	}

	if err := a.capabilities(); err != nil {
		return err
	}

	return f.Finish(a.offer)
}

// greet reads the greeting. A greeting that says we are logged in is refused if STARTTLS is to follow,
// because it would skip that (fetchmail-SA-2021-02).
func (a *attempt) greet() error {
	r, err := a.p.Greeting()
	r.Command = cmp.Or(r.Command, greeting)
	switch {
	case err != nil && r.Command != greeting: // what belongs to it, as EHLO does
		return failed(r, err)
	case err != nil && wire.IsTimeout(err) && !a.conn.TLS():
		return hints.Errorf("a server that says nothing may wait for TLS: try "+a.o.Service.wrapWord(),
			"wait for the greeting: %w", err)
	case err != nil:
		return fmt.Errorf("wait for the greeting: %w", err)
	case r.Status != OK:
		return a.refusal(r, KindServer)
	case r.LoggedIn && a.o.TLS == StartTLS:
		return Fail(KindTLS, hints.Errorf(
			"if this server logs you in by itself, use \"ssl\", or a plugin with \"sslproto ''\"",
			"server greeted with %s, which skips STARTTLS", r.Word))
	}

	a.greeting, a.offer, a.loggedIn = r.Text, r.Offer, r.LoggedIn
	return nil
}

// greeting is how errors call it.
const greeting = "greeting"

// capabilities asks what the server offers, unless it said so unasked.
func (a *attempt) capabilities() error {
	if a.offer != nil {
		return nil
	}

	r, err := a.p.Capabilities()
	if err != nil {
		return failed(r, err)
	}

	if r.Status != OK || r.Offer == nil {
		return a.refusal(r, KindProtocol)
	}

	a.offer = r.Offer
	return nil
}

// credentials asks for the password if the login needs one. Host and port are those in use (RFC 7628).
func (a *attempt) credentials(ctx context.Context) (sasl.Credentials, error) {
	cred := sasl.Credentials{
		User: a.o.User, AuthzID: a.o.AuthzID, Host: a.o.Host, Port: a.o.port(), TLS: a.conn.TLSState(),
	}
	// The client certificate is the credential: nothing is to be asked for.
	if a.o.Auth == "external" {
		return cred, nil
	}

	if a.o.Password == nil {
		return cred, Fail(KindAuth, hints.Errorf("write it into the rc file", "no password for %q", a.o.User))
	}

	// Asking may take long or cost the user a passphrase: it comes after the server has proved who it is.
	password, err := a.secret(ctx, a.o.Password)
	cred.Password = password
	return cred, err
}

// secret asks for the password or token.
func (a *attempt) secret(ctx context.Context, ask func(context.Context) (string, error)) (string, error) {
	password, err := ask(ctx)
	switch {
	case err != nil && ctx.Err() != nil: // the program that asks for the password was stopped
		return "", Fail(KindNetwork, fmt.Errorf("password for %q: %w", a.o.User, context.Cause(ctx)))
	case err != nil:
		return "", Fail(KindAuth, fmt.Errorf("password for %q: %w", a.o.User, err))
	}

	// The secret must be known before any of it is sent: the server may repeat it.
	a.conn.Conceal(a.o.User, password)
	return password, nil
}
