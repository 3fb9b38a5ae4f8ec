package delivery

import (
	"fmt"
	"strconv"
	"strings"

	"fetchd/fetch/login"
	"fetchd/fetch/sasl"
	"fetchd/fetch/wire"
)

// smtpDialogue is SMTP or LMTP up to where mail may be sent, for package login (RFC 5321, 2033, 3207, 4954).
type smtpDialogue struct {
	conn *wire.Conn
	lmtp bool
	name string // ours

	command string // under way, as errors name it
	words   []string
}

// Greeting implements login.Protocol. The server is asked at once what it offers: only that tells whether it
// has STARTTLS.
func (d *smtpDialogue) Greeting() (login.Reply, error) {
	r, err := d.read()
	if err != nil || r.Status != login.OK {
		return r, err
	}
	if r.Word != "220" || !d.conn.TLS() && d.conn.Unread() { // TLS has news of its own now
		return r, d.violation(r)
	}
	return d.Capabilities()
}

// StartTLS implements login.Protocol.
func (d *smtpDialogue) StartTLS() (login.Reply, error) { return d.run("STARTTLS", "STARTTLS", "") }

// Capabilities implements login.Protocol. A server that does not know EHLO may know HELO, and offers nothing
// then.
func (d *smtpDialogue) Capabilities() (login.Reply, error) {
	if d.lmtp {
		return d.run("LHLO", "LHLO "+d.name, "")
	}
	r, err := d.run("EHLO", "EHLO "+d.name, "")
	// HELO only after a refusal for good: a server that is busy knows EHLO.
	if err != nil || r.Status != login.Refused || r.Passing {
		return r, err
	}
	return d.run("HELO", "HELO "+d.name, "")
}

// Login implements login.Protocol. It is never called, see Offer.NoLogin.
func (d *smtpDialogue) Login(sasl.Credentials) (login.Reply, error) { return login.Reply{}, nil }

// Auth implements login.Protocol.
func (d *smtpDialogue) Auth(mechanism, initial string) (login.Reply, error) {
	line, shown := "AUTH "+mechanism, ""
	if initial != "" {
		line, shown = line+" "+initial, line+" ***"
	}
	return d.run("AUTH "+mechanism, line, shown)
}

// Respond implements login.Protocol.
func (d *smtpDialogue) Respond(line, shown string) (login.Reply, error) {
	return d.run(d.command, line, shown)
}

// Finish implements login.Finisher.
func (d *smtpDialogue) Finish(offer *login.Offer) error {
	d.words = offer.Words
	return nil
}

func (d *smtpDialogue) run(command, line, shown string) (login.Reply, error) {
	d.command = command
	if err := d.conn.WriteLine(line, shown); err != nil {
		return login.Reply{Command: command}, err
	}
	return d.read()
}

// read reads the answer to the command under way.
func (d *smtpDialogue) read() (login.Reply, error) {
	r := login.Reply{Command: d.command}
	got, err := readSMTPReply(d.conn)
	if err != nil {
		return r, err
	}

	r.Word, r.Text, r.Passing = strconv.Itoa(got.code), got.text(), got.code/100 == 4

	isHello := d.command == "EHLO" || d.command == "LHLO" || d.command == "HELO"
	switch {
	case got.leaves():
		r.Status = login.Ended
	case got.isRefusal():
		r.Status = login.Refused
	// The only place for a 3xx before the mail begins.
	case got.code == 334 && strings.HasPrefix(d.command, "AUTH "):
		r.Status, r.Text = login.Challenge, got.last
	case !got.isOK() || isHello && got.code != 250:
		return r, d.violation(r)
	default:
		r.Status = login.OK
		if isHello {
			r.Offer = offeredSMTP(got.lines()[1:])
		}
	}

	return r, nil
}

func (d *smtpDialogue) violation(r login.Reply) error {
	err := fmt.Errorf("%s %s is no answer here, or not the only one", r.Word, d.conn.Quoted([]byte(r.Text)))
	return login.Fail(login.KindProtocol, d.conn.Break(err))
}

// maxInitialResponse is what RFC 4954 section 4 allows.
const maxInitialResponse = 12288

// offeredSMTP is what a server says of itself, behind its name.
func offeredSMTP(lines []string) *login.Offer {
	o := &login.Offer{MaxInitial: maxInitialResponse, NoLogin: "SMTP has no login but AUTH"}
	for _, line := range lines {
		line = strings.ToUpper(strings.TrimSpace(line))
		o.Words = append(o.Words, line)
		word, arguments, _ := strings.Cut(line, " ")
		switch word {
		case "STARTTLS":
			o.StartTLS = true
		case "AUTH":
			o.Mechanisms = strings.Fields(arguments)
		}
	}
	return o
}

// smtpExtensions are those that deliveries make use of.
type smtpExtensions struct {
	pipelining, eightBit, utf8 bool
	sizes                      bool  // SIZE
	maxSize                    int64 // 0 = not said
	// LIMITS (RFC 9422), 0 = none: transactions of a connection, recipients and their domains of a
	// transaction.
	mails, recipients, domains int
}

func parseExtensions(words []string) smtpExtensions {
	var x smtpExtensions
	for _, line := range words {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}

		switch fields[0] {
		case "PIPELINING":
			x.pipelining = true
		case "8BITMIME":
			x.eightBit = true
		case "SMTPUTF8":
			x.utf8 = true
		case "SIZE":
			x.sizes = true
			if len(fields) > 1 {
				// A number that can't be read limits nothing: the server itself says then what is too large.
				x.maxSize, _ = strconv.ParseInt(fields[1], 10, 64)
			}
		case "LIMITS":
			for _, limit := range fields[1:] {
				x.limit(limit)
			}
		}
	}

	x.maxSize = max(0, x.maxSize)
	return x
}

// limit takes NAME=NUMBER; what is not understood is no limit.
func (x *smtpExtensions) limit(text string) {
	name, value, _ := strings.Cut(text, "=")
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return
	}

	switch name {
	case "MAILMAX":
		x.mails = n
	case "RCPTMAX":
		x.recipients = n
	case "RCPTDOMAINMAX":
		x.domains = n
	}
}
