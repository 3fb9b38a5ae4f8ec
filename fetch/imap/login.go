package imap

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"fetchd/fetch"
	"fetchd/fetch/login"
	"fetchd/fetch/sasl"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
)

var service = login.Service{Name: "IMAP", Ports: tlsverify.PortsOf("imap")}

// dialogue is the connection from the greeting to the login, before imapclient gets it: IMAP's commands and
// replies for package login.
type dialogue struct {
	conn     *wire.Conn
	compress bool // if the server offers it
	alerts   alerts

	tag     int
	command string       // the one under way, as errors name it
	offer   *login.Offer // what the server has offered since it was sent
}

// logIn verifies the server and logs in; plain says not to compress. It returns what the server offers after
// the login. After an error the connection is closed.
func logIn(ctx context.Context, a *fetch.Account, raw net.Conn, plain bool) (*dialogue, []string, error) {
	o := a.Login(service)
	conn := login.New(raw, o)
	d := &dialogue{
		conn:     conn,
		compress: a.Compress && !plain,
		alerts:   alerts{log: a.Log, conn: conn, account: a.Name},
	}
	offer, err := login.Run(ctx, d.conn, d, o)
	if err != nil {
		return nil, nil, err
	}
	return d, offer.Words, nil
}

// Greeting implements login.Protocol.
func (d *dialogue) Greeting() (login.Reply, error) {
	line, err := d.conn.ReadLine(0)
	if err != nil {
		return login.Reply{}, err
	}

	r := parseLine(line)
	if r.tag != "*" || r.word != "OK" && r.word != "PREAUTH" && r.word != "BYE" {
		return login.Reply{}, d.violation("greeting", line)
	}
	d.note(r)
	return d.reply(r), nil
}

// StartTLS implements login.Protocol.
func (d *dialogue) StartTLS() (login.Reply, error) { return d.run("STARTTLS", "STARTTLS", "") }

// Capabilities implements login.Protocol.
func (d *dialogue) Capabilities() (login.Reply, error) { return d.run("CAPABILITY", "CAPABILITY", "") }

// Login implements login.Protocol with LOGIN, user and password as quoted strings or, where those can't hold
// them, literals.
func (d *dialogue) Login(cred sasl.Credentials) (login.Reply, error) {
	if plainASCII(cred.User) && plainASCII(cred.Password) {
		// Quoted where possible: each literal costs a round trip.
		user := "LOGIN " + quoted(cred.User)
		return d.run("LOGIN", user+" "+quoted(cred.Password), user+" ***")
	}

	d.begin("LOGIN")
	parts := []struct{ line, shown string }{
		// Synchronizing literals: a server that is asked for its consent can refuse before the secret is
		// sent.
		{fmt.Sprintf("A%d LOGIN {%d}", d.tag, len(cred.User)), ""},
		{fmt.Sprintf("%s {%d}", cred.User, len(cred.Password)), ""},
		{cred.Password, "***"},
	}

	var r login.Reply
	for i, p := range parts {
		var err error
		r, err = d.Respond(p.line, p.shown)
		// Anything but a request to go on ends the command; the password is not sent then.
		if err != nil || i < len(parts)-1 && r.Status != login.Challenge {
			return r, err
		}
	}

	return d.final(r)
}

// Auth implements login.Protocol.
func (d *dialogue) Auth(mechanism, initial string) (login.Reply, error) {
	d.begin("AUTHENTICATE " + mechanism)
	line, shown := fmt.Sprintf("A%d %s", d.tag, d.command), ""
	if initial != "" {
		line, shown = line+" "+initial, line+" ***"
	}
	return d.Respond(line, shown)
}

// Respond implements login.Protocol.
func (d *dialogue) Respond(line, shown string) (login.Reply, error) {
	if err := d.conn.WriteLine(line, shown); err != nil {
		return login.Reply{Command: d.command}, err
	}
	return d.answer()
}

// Finish implements login.Finisher: it asks for DEFLATE if the account wants it (RFC 4978). A refusal is not
// a failure.
func (d *dialogue) Finish(offer *login.Offer) error {
	// What the server offers after the login counts: some offer it to nobody before.
	if !d.compress || !slices.Contains(offer.Words, "COMPRESS=DEFLATE") {
		return nil
	}

	r, err := d.run("COMPRESS", "COMPRESS DEFLATE", "")
	if err == nil && r.Status == login.OK {
		err = d.conn.Compress()
	}
	if err != nil {
		return fmt.Errorf("COMPRESS: %w", err)
	}
	return nil
}

// offered is what a list of capabilities means for a login. An initial response needs SASL-IR (RFC 4959).
func offered(list string) *login.Offer {
	o := &login.Offer{Words: strings.Fields(strings.ToUpper(list))}
	for _, word := range o.Words {
		mechanism, isMechanism := strings.CutPrefix(word, "AUTH=")
		switch {
		case isMechanism:
			o.Mechanisms = append(o.Mechanisms, mechanism)
		case word == "STARTTLS":
			o.StartTLS = true
		case word == "SASL-IR":
			o.MaxInitial = wire.MaxLine
		// Noted, not obeyed here: package login decides, and knows the user's own words about it.
		case word == "LOGINDISABLED":
			o.NoLogin = "server has disabled LOGIN"
		}
	}

	return o
}
