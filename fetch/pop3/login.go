package pop3

import (
	"errors"

	"fetchd/fetch/login"
	"fetchd/fetch/sasl"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
	"fetchd/tlsverify/hints"
)

var service = login.Service{Name: "POP3", Ports: tlsverify.PortsOf("pop3")}

// maxInitial is the room for an initial response in the 255 octets that a server must accept (RFC 2449
// section 4), without CRLF, AUTH, two blanks and a mechanism's name of at most 20 octets (RFC 4422 section
// 3.1).
const maxInitial = 255 - 2 - 4 - 2 - 20

// dialogue is the connection from the greeting to the login: POP3's commands and replies for package login.
type dialogue struct {
	c        *wire.Conn
	pipeline bool         // if the server offers it
	caps     capabilities // as last listed; nil if the server doesn't know CAPA

	command     string // under way, as errors name it
	utf8        bool   // UTF8 was sent
	utf8Pending bool   // and its answer is still to come
}

// Greeting implements login.Protocol.
func (d *dialogue) Greeting() (login.Reply, error) {
	r, err := d.read("greeting")
	if errors.Is(err, errOutOfStep) {
		err = hints.Add(err, "is this the POP3 port? for an IMAP server write \"proto imap\"")
	}
	return r, err
}

// StartTLS implements login.Protocol.
func (d *dialogue) StartTLS() (login.Reply, error) { return d.run("STLS", "STLS", "") }

// Capabilities implements login.Protocol. A server that doesn't know CAPA offers nothing.
func (d *dialogue) Capabilities() (login.Reply, error) {
	caps, err := askCapabilities(d.c)
	if d.caps = caps; err != nil {
		return login.Reply{}, err // which names the command
	}

	offer := &login.Offer{Mechanisms: caps["SASL"], MaxInitial: maxInitial}
	return login.Reply{Command: "CAPA", Status: login.OK, Offer: offer}, nil
}

// Login implements login.Protocol with USER and PASS, which travel together if the server pipelines.
func (d *dialogue) Login(cred sasl.Credentials) (login.Reply, error) {
	if err := d.enableUTF8(); err != nil {
		return login.Reply{Command: "UTF8"}, err
	}

	user, pass := "USER "+cred.User, "PASS "+cred.Password
	if !d.pipelining() {
		// Some servers refuse an unknown user here; the password would be sent in vain.
		if r, err := d.run("USER", user, ""); err != nil || r.Status != login.OK {
			return r, err
		}
		return d.run("PASS", pass, "PASS ***")
	}

	if err := d.c.WriteLine(user, ""); err != nil {
		return login.Reply{Command: "USER"}, err
	}
	if err := d.c.WriteLine(pass, "PASS ***"); err != nil {
		return login.Reply{Command: "PASS"}, err
	}

	// Both answers are read, whatever the first one is: otherwise the second would answer the next command.
	first, err := d.final(d.read("USER"))
	if err != nil {
		return first, err
	}

	second, err := d.final(d.read("PASS"))
	// The refusal of USER is the reason; that of PASS only follows from it.
	if err == nil && first.Status != login.OK {
		return first, nil
	}

	return second, err
}

// Digest implements login.Digester with APOP.
func (d *dialogue) Digest(user, digest string) (login.Reply, error) {
	if err := d.enableUTF8(); err != nil {
		return login.Reply{Command: "UTF8"}, err
	}
	return d.run("APOP", "APOP "+user+" "+digest, "APOP "+user+" ***")
}

// LoggedIn implements login.Prover: a server accepts NOOP only after the login (RFC 1939 section 5).
func (d *dialogue) LoggedIn() (login.Reply, error) { return d.run("NOOP", "NOOP", "") }

// Auth implements login.Protocol.
func (d *dialogue) Auth(mechanism, initial string) (login.Reply, error) {
	if err := d.enableUTF8(); err != nil {
		return login.Reply{Command: "UTF8"}, err
	}
	d.command = "AUTH " + mechanism
	if initial != "" {
		return d.Respond(d.command+" "+initial, d.command+" ***")
	}
	return d.Respond(d.command, "")
}

// Respond implements login.Protocol.
func (d *dialogue) Respond(line, shown string) (login.Reply, error) {
	if err := d.c.WriteLine(line, shown); err != nil {
		return login.Reply{Command: d.command}, err
	}
	return d.read(d.command)
}

// enableUTF8 asks, before the login, for messages as they are (RFC 6856): otherwise Courier gives a stub in
// place of a message whose header is not ASCII, and we would delete the original. If the server refuses,
// nothing is lost.
func (d *dialogue) enableUTF8() error {
	if d.utf8 || !d.caps.has("UTF8") {
		return nil
	}
	d.utf8 = true
	if err := d.c.WriteLine("UTF8", ""); err != nil {
		return err
	}
	// Its answer is read with that to the next command, so that it costs no round trip.
	if d.utf8Pending = d.pipelining(); d.utf8Pending {
		return nil
	}
	_, err := d.final(d.read("UTF8"))
	return err
}

// run sends a command whose reply is +OK or -ERR.
func (d *dialogue) run(command, line, shown string) (login.Reply, error) {
	d.command = command
	return d.final(d.Respond(line, shown))
}

// final refuses a challenge outside of an exchange.
func (d *dialogue) final(r login.Reply, err error) (login.Reply, error) {
	if err == nil && r.Status == login.Challenge {
		err = outOfStep(d.c, errChallenge)
	}
	return r, err
}

// read reads the reply to command.
func (d *dialogue) read(command string) (login.Reply, error) {
	if d.utf8Pending {
		d.utf8Pending = false
		if r, err := d.final(d.read("UTF8")); err != nil {
			return r, err
		}
	}

	r := login.Reply{Command: command}
	readLine := readStatus
	if command == "greeting" || command == "STLS" { // what comes there is not proven to be the server's
		readLine = func(c *wire.Conn) ([]byte, error) { return c.ReadLine(0) }
	}

	line, err := readLine(d.c)
	if err != nil {
		return r, err
	}

	d.c.Answered()

	kind, text, err := parseReply(d.c, line)
	switch {
	case err != nil:
		return r, outOfStep(d.c, err)
	case kind == replyErr:
		refused := replyError(d.c, command, text)
		r.Word, r.Code, r.Detail, r.Text = "-ERR", refused.Code, refused.Detail, refused.Text
	case kind == replyMore:
		r.Status, r.Word, r.Text = login.Challenge, "+", string(text)
	default:
		r.Status, r.Word, r.Text = login.OK, "+OK", string(text)
	}

	return r, nil
}

// pipelining tells whether commands may be sent before the earlier ones are answered.
func (d *dialogue) pipelining() bool { return d.pipeline && d.caps.has("PIPELINING") }
