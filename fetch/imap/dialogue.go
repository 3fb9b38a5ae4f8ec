package imap

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"fetchd/fetch/login"
	"fetchd/tlsverify/hints"
)

// maxUntagged bounds how many untagged responses may come with one command before the login.
const maxUntagged = 100

// reply is one line from the server: tag "*", "+" or a command's tag.
type reply struct {
	tag  string
	word string // upper case: OK NO BAD BYE PREAUTH CAPABILITY …; "" after "+"
	code string // upper case response code without its arguments
	args string // the code's arguments
	text string // what follows
}

// parseLine parses a line. It never fails: an odd line gives an odd reply.
func parseLine(line []byte) reply {
	s := string(line)
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		return reply{tag: "+", text: strings.TrimPrefix(rest, " ")}
	}

	var r reply
	r.tag, s, _ = strings.Cut(s, " ")
	r.word, r.text, _ = strings.Cut(s, " ")
	r.word = strings.ToUpper(r.word)
	// A code without its closing bracket is text: it decides nothing then.
	if strings.HasPrefix(r.text, "[") {
		if code, text, ok := strings.Cut(r.text[1:], "]"); ok {
			r.code, r.args, _ = strings.Cut(code, " ")
			r.code = strings.ToUpper(r.code)
			r.text = strings.TrimPrefix(text, " ")
		}
	}

	return r
}

// note keeps the capabilities that a response lists, and shows its alert.
func (d *dialogue) note(r reply) {
	d.alerts.show(r)
	switch {
	// In a response of its own or in the code of another; whichever comes last holds.
	case r.word == "CAPABILITY":
		d.offer = offered(r.text)
	case r.code == "CAPABILITY":
		d.offer = offered(r.args)
	}
}

// reply is r as package login sees it.
func (d *dialogue) reply(r reply) login.Reply {
	out := login.Reply{
		Command: d.command, Word: r.word, Code: r.code, Detail: r.args, Text: r.text,
		Offer: d.offer, LoggedIn: r.word == "PREAUTH",
	}

	// It is no reason for anything, and the table of refusals must not take it for one.
	if r.code == "CAPABILITY" {
		out.Code, out.Detail = "", ""
	}

	switch {
	case r.tag == "+":
		out.Status = login.Challenge
	case r.word == "OK" || r.word == "PREAUTH":
		out.Status = login.OK
	// Before the first command it is a greeting that refuses us, which has its own meaning.
	case r.word == "BYE" && d.tag > 0:
		out.Status = login.Ended
	}

	return out
}

// begin prepares for the next command, which errors call by this name.
func (d *dialogue) begin(command string) {
	// What was offered before this command may no longer hold, least of all after STARTTLS or a login.
	d.command, d.offer = command, nil
	d.tag++
}

// run sends a command and waits for its result. The trace shows shown, or the line itself if that is "".
func (d *dialogue) run(command, line, shown string) (login.Reply, error) {
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
func (d *dialogue) final(r login.Reply) (login.Reply, error) {
	if r.Status == login.Challenge {
		return r, d.violation("answer", []byte("+ "+r.Text))
	}
	return r, nil
}

// answer waits for the tagged response or a continuation request.
func (d *dialogue) answer() (login.Reply, error) {
	failed := login.Reply{Command: d.command}
	for range maxUntagged {
		line, err := d.conn.ReadLine(0)
		if err != nil {
			return failed, err
		}

		r := parseLine(line)
		switch {
		case r.tag == "+":
			return d.reply(r), nil
		// Only our own tag: an answer to an earlier command would be taken for the outcome of this one.
		case r.tag == "A"+strconv.Itoa(d.tag) && (r.word == "OK" || r.word == "NO" || r.word == "BAD"):
			d.note(r)
			return d.reply(r), nil
		case r.tag != "*":
			return failed, d.violation("answer", line)
		case r.word == "BYE":
			return d.reply(r), nil
		}

		d.note(r)
	}

	return failed, d.violation("answer", []byte("more than "+strconv.Itoa(maxUntagged)+" untagged responses"))
}

// violation ends the connection because of something that no IMAP server may send here.
func (d *dialogue) violation(what string, line []byte) error {
	err := fmt.Errorf("not an IMAP %s: %s", what, d.conn.Quoted(line))
	if d.tag == 0 {
		hint := "is this the IMAP port, and does \"ssl\" fit it?"
		if bytes.HasPrefix(line, []byte("+OK")) {
			hint = "this is a POP3 server: write \"proto pop3\", or name the IMAP port"
		}
		err = hints.Add(err, hint)
	}
	return login.Fail(login.KindProtocol, d.conn.Break(err))
}

// plainASCII tells whether s can stand in a quoted string (RFC 9051 section 4.3).
func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
