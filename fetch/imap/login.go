package imap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"fetchd/fetch"
	"fetchd/fetch/sasl"
	"fetchd/fetch/wire"
)

const (
	portPlain   = 143
	portWrapped = 993
)

// dialogue is the connection from the greeting to the login, before imapclient sees it.
type dialogue struct {
	conn   *wire.Conn
	a      *fetch.Account
	tag    int
	verb   string   // of the command under way
	caps   []string // what the server offers now, in upper case; nil = not known
	told   bool     // caps came since this was last set to false
	auth   bool     // greeted with PREAUTH
	plain  bool     // nothing is to be compressed
	alerts alerts
	gaveUp error // why we cancelled the SASL exchange under way

	gaveAway bool // the mechanism tried last sent the password itself
	wrong    bool // it was refused for the user's or the password's sake
}

// port is the account's, or that of RFC 9051 section 2.1 and RFC 8314 section 3.2.
func port(a *fetch.Account) int {
	switch {
	case a.Port != 0:
		return a.Port
	case a.TLS == fetch.Wrapped:
		return portWrapped
	}
	return portPlain
}

// loginTimeouts bounds the way from the first byte to the login, in time-outs.
const loginTimeouts = 3

// logIn starts TLS and logs in; plain says not to compress. After an error the connection is closed.
func logIn(ctx context.Context, a *fetch.Account, raw net.Conn, plain bool) (*dialogue, error) {
	d := &dialogue{a: a, plain: plain, alerts: alerts{log: a.Log, account: a.Name}}
	d.conn = wire.New(raw, wire.Options{Label: "IMAP", Timeout: a.Timeout, Trace: a.Trace, Rate: a.RateLimit, Hidden: a.Hidden})
	if a.Timeout > 0 {
		whole := loginTimeouts * a.Timeout
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, whole, fmt.Errorf("not logged in after %s: %w", whole, os.ErrDeadlineExceeded))
		defer cancel()
	}
	d.alerts.conn = d.conn
	release := d.conn.Bind(ctx)
	defer release()
	if err := d.establish(ctx); err != nil {
		_ = d.conn.Close()
		return nil, fetch.Fail(fetch.KindNetwork, err)
	}
	return d, nil
}

// establish is the order of things: TLS, greeting, STARTTLS, login. Nothing secret is sent before the last.
func (d *dialogue) establish(ctx context.Context) error {
	if d.a.TLS == fetch.Wrapped {
		if err := d.startTLS(ctx); err != nil {
			return err
		}
	}
	if err := d.greeting(); err != nil {
		return err
	}
	if d.a.TLS == fetch.StartTLS {
		if err := d.commandSTARTTLS(); err != nil {
			return err
		}
		if err := d.startTLS(ctx); err != nil {
			return err
		}
		d.caps, d.auth = nil, false // nothing said before TLS counts
	}
	if !d.auth {
		if err := d.login(ctx); err != nil {
			return err
		}
	}
	if err := d.capability(); err != nil {
		return err
	}
	return d.compress()
}

// compress asks for DEFLATE where the account wants it and the server offers it (RFC 4978). A refusal is no failure.
func (d *dialogue) compress() error {
	if !d.a.Compress || d.plain || !slices.Contains(d.caps, "COMPRESS=DEFLATE") {
		return nil
	}
	r, err := d.command("COMPRESS DEFLATE", "")
	if err != nil || r.word != "OK" {
		return err
	}
	return d.conn.Compress()
}

func (d *dialogue) startTLS(ctx context.Context) error {
	err := d.conn.StartTLS(ctx, d.a.Policy)
	d.a.SawCertificate(d.conn.Verdict())
	if err == nil {
		return nil
	}
	if wire.IsTimeout(err) || ctx.Err() != nil {
		return fetch.Fail(fetch.KindNetwork, err)
	}
	if v := d.conn.Verdict(); v != nil && v.Resumed { // by what the server showed at an earlier handshake; it is forgotten now
		err = fetch.Again(err)
	}
	return fetch.Fail(fetch.KindTLS, err)
}

func (d *dialogue) greeting() error {
	line, err := d.conn.ReadLine(0)
	if err != nil && wire.IsTimeout(err) && !d.conn.TLS() {
		return fmt.Errorf("wait for the greeting: %w; hint: a server that says nothing may wait for TLS: try \"ssl\"", err)
	}
	if err != nil {
		return fmt.Errorf("wait for the greeting: %w", err)
	}
	r := parseLine(line)
	switch {
	case r.tag != "*":
	case r.word == "OK":
		d.note(r)
		return nil
	case r.word == "PREAUTH":
		return d.preauth(r)
	case r.word == "BYE":
		return fetch.Fail(fetch.KindServer, fmt.Errorf("server refused the connection: BYE %s", d.conn.Quoted([]byte(r.text))))
	}
	return d.violation("greeting", line)
}

// preauth accepts a PREAUTH greeting, but not where STARTTLS was to come: it would be skipped (fetchmail-SA-2021-02).
func (d *dialogue) preauth(r reply) error {
	if d.a.TLS == fetch.StartTLS {
		return fetch.Fail(fetch.KindTLS, errors.New("server greeted with PREAUTH, which skips STARTTLS; hint: if this server "+
			"logs you in by itself, use \"ssl\", or a plugin with \"sslproto ''\""))
	}
	d.note(r)
	d.auth = true
	return nil
}

// commandSTARTTLS asks for TLS. A server that lists its capabilities without STARTTLS is not asked.
func (d *dialogue) commandSTARTTLS() error {
	const hint = "; hint: try \"ssl\" (port 993); without TLS no password is sent"
	if d.caps != nil && !slices.Contains(d.caps, "STARTTLS") {
		return fetch.Fail(fetch.KindTLS, errors.New("server does not offer STARTTLS, or somebody removed it on the way"+hint))
	}
	r, err := d.command("STARTTLS", "")
	if err != nil {
		return err
	}
	if r.word != "OK" {
		return fetch.Fail(fetch.KindTLS, fmt.Errorf("server refused STARTTLS: %s %s%s", r.word, d.conn.Quoted([]byte(r.text)), hint))
	}
	return nil
}

// capability asks for the capabilities unless the server told them unasked.
func (d *dialogue) capability() error {
	if d.caps != nil {
		return nil
	}
	r, err := d.command("CAPABILITY", "")
	if err != nil {
		return err
	}
	if r.word != "OK" || d.caps == nil {
		return fetch.Fail(fetch.KindProtocol, fmt.Errorf("CAPABILITY: %s %s", r.word, d.conn.Quoted([]byte(r.text))))
	}
	return nil
}

// login tries the mechanisms in order.
func (d *dialogue) login(ctx context.Context) error {
	if err := d.capability(); err != nil {
		return err
	}
	cred, err := d.credentials(ctx)
	if err != nil {
		return fetch.Fail(fetch.KindAuth, err)
	}
	d.conn.Conceal(cred.User, cred.Password)
	mechs, err := sasl.Choose(d.a.Auth, d.mechanisms(), cred, d.conn.TLS())
	if err != nil {
		return fetch.Fail(fetch.KindAuth, d.conn.CleanError(err))
	}
	refused := errors.New("no way to log in that both sides know; hint: the server must offer PLAIN, LOGIN or SCRAM")
	for tries, m := 0, 0; m < len(mechs) && tries < 2; m++ {
		if err := d.allowed(mechs[m]); err != nil {
			if tries == 0 {
				refused = err
			}
			continue
		}
		if tries > 0 && !d.mayFollow(mechs[m]) {
			continue
		}
		tries++
		err := d.try(mechs[m], cred)
		if err == nil {
			return nil
		}
		if d.conn.Err() != nil || fetch.KindOf(err) != fetch.KindAuth {
			return err
		}
		refused = err
	}
	return fetch.Fail(fetch.KindAuth, refused)
}

// credentials asks for the password where the login needs one.
func (d *dialogue) credentials(ctx context.Context) (sasl.Credentials, error) {
	cred := sasl.Credentials{User: d.a.User, Host: d.a.Host, Port: d.a.Port}
	switch d.a.Auth {
	case "external":
		return cred, nil
	case "implicit", "ssh":
		return cred, fmt.Errorf("auth %q: server did not greet with PREAUTH, so it does not know the user; hint: it may need another plugin, or a password", d.a.Auth)
	}
	if d.a.Password == nil {
		return cred, fmt.Errorf("no password for %q; hint: write it into the rc file", d.a.User)
	}
	var err error
	cred.Password, err = d.a.Password(ctx)
	return cred, err
}

// mayFollow tells whether m may be tried after a refused mechanism. A clear-text password that was refused as such is
// not sent again, so that a wrong one does not lock the account; and where nobody vouches for the server, it does not
// get the password itself by refusing what hides it.
func (d *dialogue) mayFollow(m sasl.Mechanism) bool {
	switch {
	case d.gaveAway:
		return !d.wrong
	case m.ClearText():
		return d.conn.TLS()
	}
	return !d.conn.TLS() // over TLS the one other try is better spent on a server that stores only hashes
}

// allowed refuses to give the password away on a channel that is not verified TLS, unless the rc file wants clear text.
func (d *dialogue) allowed(m sasl.Mechanism) error {
	if m.ClearText() && !d.conn.TLS() && d.a.TLS != fetch.ClearText {
		return errors.New("no TLS: the password is not sent")
	}
	if _, ok := m.(sasl.ProtocolLogin); ok && slices.Contains(d.caps, "LOGINDISABLED") {
		return errors.New("server has disabled LOGIN")
	}
	return nil
}

func (d *dialogue) try(m sasl.Mechanism, cred sasl.Credentials) error {
	var r reply
	var err error
	d.told, d.gaveAway, d.wrong = false, m.ClearText(), false
	if _, ok := m.(sasl.ProtocolLogin); ok {
		r, err = d.commandLOGIN(cred)
	} else {
		r, err = d.authenticate(m)
	}
	if err != nil {
		return err
	}
	if r.word != "OK" {
		d.wrong = r.code == "AUTHENTICATIONFAILED" || r.code == "EXPIRED"
		return d.loginError(r)
	}
	if !d.told {
		d.caps = nil // RFC 9051 section 6.2: the login changes them
	}
	return nil
}

// loginError is a refused login, by its response code (RFC 5530) or text.
func (d *dialogue) loginError(r reply) error {
	kind, hint := fetch.KindAuth, "; hint: check user and password in the rc file"
	low := strings.ToLower(r.text)
	switch {
	case r.code == "UNAVAILABLE" || r.code == "SERVERBUG" || r.code == "LIMIT" || crowded(low):
		kind = fetch.KindServer
	case r.code == "INUSE" || strings.Contains(low, "locked") || strings.Contains(low, "in use"):
		kind = fetch.KindBusy
	}
	if kind != fetch.KindAuth {
		hint = "; hint: this passes; it is tried again next time"
	}
	err := fmt.Errorf("login as %q refused: %s %s%s", d.a.User, r.word, d.conn.Quoted([]byte(r.text)), hint)
	if crowded(low) {
		err = fmt.Errorf("%w: %w", fetch.ErrCrowded, err)
	}
	return fetch.Fail(kind, err)
}

// crowded knows the words of Dovecot, Cyrus, and of Gmail, which has no code for it.
func crowded(low string) bool {
	return strings.Contains(low, "connections") && (strings.Contains(low, "maximum") || strings.Contains(low, "too many"))
}

// commandLOGIN logs in with LOGIN, user and password as quoted strings or, where those can't hold them, literals.
func (d *dialogue) commandLOGIN(cred sasl.Credentials) (reply, error) {
	if plainASCII(cred.User) && plainASCII(cred.Password) {
		line := "LOGIN " + quoted(cred.User) + " " + quoted(cred.Password)
		return d.command(line, "LOGIN "+quoted(cred.User)+" ***")
	}
	tag := d.nextTag("LOGIN")
	if err := d.conn.WriteLine(fmt.Sprintf("%s LOGIN {%d}", tag, len(cred.User)), ""); err != nil {
		return reply{}, err
	}
	if r, err := d.continued(tag); err != nil || r.tag != "+" {
		return r, err
	}
	if err := d.conn.WriteLine(fmt.Sprintf("%s {%d}", cred.User, len(cred.Password)), ""); err != nil {
		return reply{}, err
	}
	if r, err := d.continued(tag); err != nil || r.tag != "+" {
		return r, err
	}
	if err := d.conn.WriteLine(cred.Password, "***"); err != nil {
		return reply{}, err
	}
	return d.result(tag)
}

// authenticate carries a SASL exchange, the initial response on the command's line where the server takes it there
// (RFC 4959).
func (d *dialogue) authenticate(m sasl.Mechanism) (reply, error) {
	name, initial, err := m.Start()
	if err != nil {
		return reply{}, fetch.Fail(fetch.KindAuth, err)
	}
	tag := d.nextTag("AUTHENTICATE")
	line, shown := tag+" AUTHENTICATE "+name, ""
	if initial != nil && slices.Contains(d.caps, "SASL-IR") {
		line, shown = line+" "+sasl.EncodeInitial(initial), line+" ***"
		initial = nil
	}
	if err := d.conn.WriteLine(line, shown); err != nil {
		return reply{}, err
	}
	for {
		r, err := d.continued(tag)
		if err != nil {
			return r, err
		}
		if r.tag != "+" {
			return r, d.finished(m, r)
		}
		if err := d.answer(m, &initial, r.text); err != nil {
			return r, err
		}
	}
}
