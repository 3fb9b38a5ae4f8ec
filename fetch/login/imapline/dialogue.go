package imapline

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fetchd/fetch/login"
	"fetchd/fetch/sasl"
	"fetchd/fetch/wire"
	"fetchd/tlsverify/hints"
)

// MaxUntagged bounds how many untagged responses may come with one command before the login.
const MaxUntagged = 100

// Dialogue is the connection from the greeting to the login: IMAP's commands and replies for package login.
type Dialogue struct {
	Conn     *wire.Conn
	Compress bool        // if the server offers it
	Heard    func(Reply) // is shown greeting, untagged responses and answers; nil = nobody

	tag     int
	command string       // the one under way, as errors name it
	offer   *login.Offer // what the server has offered since it was sent
}

// Greeting implements login.Protocol.
func (d *Dialogue) Greeting() (login.Reply, error) {
	line, err := d.Conn.ReadLine(0)
	if err != nil {
		return login.Reply{}, err
	}

	r := Parse(line)
	// NO and BAD are no greetings, but some servers refuse us with them, IceWarp without the asterisk.
	isRefusal := (r.Tag == "*" || r.Tag == "") && (r.Word == "NO" || r.Word == "BAD")
	if !isRefusal && (r.Tag != "*" || r.Word != "OK" && r.Word != "PREAUTH" && r.Word != "BYE") {
		return login.Reply{}, d.violation("greeting", line)
	}
	d.note(r)
	return d.reply(r), nil
}

// StartTLS implements login.Protocol.
func (d *Dialogue) StartTLS() (login.Reply, error) { return d.run("STARTTLS", "STARTTLS", "") }

// Capabilities implements login.Protocol. A server that knows no such command, or says OK alone, has nothing
// beyond IMAP4rev1. NO, and a BAD with a reason that may pass, are refusals.
func (d *Dialogue) Capabilities() (login.Reply, error) {
	r, err := d.run("CAPABILITY", "CAPABILITY", "")
	hasNone := r.Word == "OK" || r.Word == "BAD" && r.Code == "" && !r.Exhausted()
	if err == nil && r.Offer == nil && hasNone {
		r.Status, r.Offer = login.OK, &login.Offer{}
	}
	return r, err
}

// Login implements login.Protocol with LOGIN, user and password as quoted strings or, where those can't hold
// them, literals.
func (d *Dialogue) Login(cred sasl.Credentials) (login.Reply, error) {
	if IsPlain(cred.User) && IsPlain(cred.Password) {
		// Quoted where possible: each literal costs a round trip.
		user := "LOGIN " + Quote(cred.User)
		return d.run("LOGIN", user+" "+Quote(cred.Password), user+" ***")
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
func (d *Dialogue) Auth(mechanism, initial string) (login.Reply, error) {
	d.begin("AUTHENTICATE " + mechanism)
	line, shown := fmt.Sprintf("A%d %s", d.tag, d.command), ""
	if initial != "" {
		line, shown = line+" "+initial, line+" ***"
	}
	return d.Respond(line, shown)
}

// Respond implements login.Protocol.
func (d *Dialogue) Respond(line, shown string) (login.Reply, error) {
	if err := d.Conn.WriteLine(line, shown); err != nil {
		return login.Reply{Command: d.command}, err
	}
	return d.answer()
}

// Finish implements login.Finisher: it asks for DEFLATE if that is wanted (RFC 4978). A refusal is not
// a failure.
func (d *Dialogue) Finish(offer *login.Offer) error {
	// What the server offers after the login counts: some offer it to nobody before.
	if !d.Compress || !slices.Contains(offer.Words, "COMPRESS=DEFLATE") {
		return nil
	}

	r, err := d.run("COMPRESS", "COMPRESS DEFLATE", "")
	if err == nil && r.Status == login.OK {
		err = d.Conn.Compress()
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

// note keeps the capabilities that a response lists, and passes it on.
func (d *Dialogue) note(r Reply) {
	if d.Heard != nil {
		d.Heard(r)
	}

	switch {
	// In a response of its own or in the code of another; whichever comes last holds.
	case r.Word == "CAPABILITY":
		d.offer = offered(r.Text)
	case r.Code == "CAPABILITY":
		d.offer = offered(r.Args)
	}
}

// reply is r as package login sees it.
func (d *Dialogue) reply(r Reply) login.Reply {
	out := login.Reply{
		Command: d.command, Word: r.Word, Code: r.Code, Detail: r.Args, Text: r.Text,
		Offer: d.offer, LoggedIn: r.Word == "PREAUTH",
	}

	// It is no reason for anything, and the table of refusals must not take it for one.
	if r.Code == "CAPABILITY" {
		out.Code, out.Detail = "", ""
	}

	switch {
	case r.Tag == "+":
		out.Status = login.Challenge
	case r.Word == "OK" || r.Word == "PREAUTH":
		out.Status = login.OK
	// Before the first command it is a greeting that refuses us, which has its own meaning.
	case r.Word == "BYE" && d.tag > 0:
		out.Status = login.Ended
	}

	return out
}

// begin prepares for the next command, which errors call by this name.
func (d *Dialogue) begin(command string) {
	// What was offered before this command may no longer hold, least of all after STARTTLS or a login.
	d.command, d.offer = command, nil
	d.tag++
}

// run sends a command and waits for its result. The trace shows shown, or the line itself if that is "".
func (d *Dialogue) run(command, line, shown string) (login.Reply, error) {
	d.begin(command)
	if shown != "" {
		shown = fmt.Sprintf("A%d %s", d.tag, shown)
	}
	r, err := d.Respond(fmt.Sprintf("A%d %s", d.tag, line), shown)
	if err != nil {
		return r, err
	}
	return d.final(r)
}

// final refuses a continuation request if nothing is to be continued.
func (d *Dialogue) final(r login.Reply) (login.Reply, error) {
	if r.Status == login.Challenge {
		return r, d.violation("answer", []byte("+ "+r.Text))
	}
	return r, nil
}

// answer waits for the tagged response or a continuation request.
func (d *Dialogue) answer() (login.Reply, error) {
	failed := login.Reply{Command: d.command}
	var refused *login.Reply
	for range MaxUntagged {
		line, err := d.Conn.ReadLine(0)
		if err != nil && refused != nil {
			return *refused, nil
		}
		if err != nil {
			return failed, err
		}

		r := Parse(line)
		switch {
		case r.Tag == "+":
			return d.reply(r), nil
		// Only our own tag: an answer to an earlier command would be taken for the outcome of this one.
		case r.Tag == "A"+strconv.Itoa(d.tag) && (r.Word == "OK" || r.Word == "NO" || r.Word == "BAD"):
			d.note(r)
			return d.reply(r), nil
		case r.Tag != "*":
			return failed, d.violation("answer", line)
		case r.Word == "BYE" && refused != nil:
			return *refused, nil
		case r.Word == "BYE":
			return d.reply(r), nil
		// Stalwart says this without a tag, and then nothing more until it closes the connection.
		case r.Word == "NO" && r.Code == "AUTHENTICATIONFAILED":
			said := d.reply(r)
			refused = &said
		}

		d.note(r)
	}

	return failed, d.violation("answer", []byte("more than "+strconv.Itoa(MaxUntagged)+" untagged responses"))
}

// violation ends the connection because of something that no IMAP server may send here.
func (d *Dialogue) violation(what string, line []byte) error {
	err := fmt.Errorf("not an IMAP %s: %s", what, d.Conn.Quoted(line))
	if d.tag == 0 {
		hint := "is this the IMAP port, and does \"ssl\" fit it?"
		if bytes.HasPrefix(line, []byte("+OK")) {
			err = login.OtherProtocol(err)
			hint = "this is a POP3 server: write \"proto pop3\", or name the IMAP port"
		}
		err = hints.Add(err, hint)
	}
	return login.Fail(login.KindProtocol, d.Conn.Break(err))
}
