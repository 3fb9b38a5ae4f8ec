package imap

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fetchd/fetch"
	"fetchd/fetch/sasl"
)

// maxUntagged bounds how many untagged responses one command before the login may bring.
const maxUntagged = 100

// reply is one line from the server: tag "*", "+" or a command's tag.
type reply struct {
	tag  string
	word string // upper case: OK NO BAD BYE PREAUTH CAPABILITY …; "" behind "+"
	code string // upper case response code without its arguments
	args string // the code's arguments
	text string // what follows
}

// parseLine takes a line apart; it never fails, an odd line gives an odd reply.
func parseLine(line []byte) reply {
	s := string(line)
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		return reply{tag: "+", text: strings.TrimPrefix(rest, " ")}
	}
	var r reply
	r.tag, s, _ = strings.Cut(s, " ")
	r.word, r.text, _ = strings.Cut(s, " ")
	r.word = strings.ToUpper(r.word)
	if strings.HasPrefix(r.text, "[") {
		if code, text, ok := strings.Cut(r.text[1:], "]"); ok {
			r.code, r.args, _ = strings.Cut(code, " ")
			r.code = strings.ToUpper(r.code)
			r.text = strings.TrimPrefix(text, " ")
		}
	}
	return r
}

// note keeps the capabilities that a response tells, and shows its alert.
func (d *dialogue) note(r reply) {
	d.alerts.show(r)
	switch {
	case r.word == "CAPABILITY":
		d.caps = strings.Fields(strings.ToUpper(r.text))
	case r.code == "CAPABILITY":
		d.caps = strings.Fields(strings.ToUpper(r.args))
	default:
		return
	}
	d.told = true
}

// mechanisms are the SASL mechanisms on offer.
func (d *dialogue) mechanisms() []string {
	var out []string
	for _, c := range d.caps {
		if m, ok := strings.CutPrefix(c, "AUTH="); ok {
			out = append(out, m)
		}
	}
	return out
}

// nextTag is for the command whose name is verb, which errors until the next one name.
func (d *dialogue) nextTag(verb string) string {
	d.verb = verb
	d.tag++
	return "A" + strconv.Itoa(d.tag)
}

// command sends a command and waits for its result. What the trace shows is shown, or the line where that is "".
func (d *dialogue) command(line, shown string) (reply, error) {
	verb, _, _ := strings.Cut(line, " ")
	tag := d.nextTag(verb)
	if shown != "" {
		shown = tag + " " + shown
	}
	if err := d.conn.WriteLine(tag+" "+line, shown); err != nil {
		return reply{}, err
	}
	return d.result(tag)
}

// result waits for the tagged response; a continuation request on the way is a violation.
func (d *dialogue) result(tag string) (reply, error) {
	r, err := d.continued(tag)
	if err == nil && r.tag == "+" {
		return r, d.violation("answer", []byte("+ "+r.text))
	}
	return r, err
}

// continued waits for the tagged response or a continuation request.
func (d *dialogue) continued(tag string) (reply, error) {
	for range maxUntagged {
		line, err := d.conn.ReadLine(0)
		if err != nil {
			return reply{}, fmt.Errorf("%s: %w", d.verb, err)
		}
		r := parseLine(line)
		switch {
		case r.tag == "+":
			return r, nil
		case r.tag == tag && (r.word == "OK" || r.word == "NO" || r.word == "BAD"):
			d.note(r)
			return r, nil
		case r.tag != "*":
			return r, d.violation("answer", line)
		case r.word == "BYE":
			return r, fetch.Fail(fetch.KindServer, d.conn.Break(fmt.Errorf("server ended the connection: BYE %s", d.conn.Quoted([]byte(r.text)))))
		}
		d.note(r)
	}
	return reply{}, d.violation("answer", []byte("more than "+strconv.Itoa(maxUntagged)+" untagged responses"))
}

// violation ends the connection over something that no IMAP server may say here.
func (d *dialogue) violation(what string, line []byte) error {
	err := fmt.Errorf("not an IMAP %s: %s", what, d.conn.Quoted(line))
	if d.tag == 0 {
		hint := "is this the IMAP port, and does \"ssl\" fit it?"
		if bytes.HasPrefix(line, []byte("+OK")) {
			hint = "this is a POP3 server: write \"proto pop3\", or name the IMAP port"
		}
		err = fmt.Errorf("%w; hint: %s", err, hint)
	}
	return fetch.Fail(fetch.KindProtocol, d.conn.Break(err))
}

// answer responds to a challenge. An exchange that the mechanism gives up is cancelled, so that the connection stays in
// step (RFC 9051 section 6.2.2).
func (d *dialogue) answer(m sasl.Mechanism, initial *[]byte, text string) error {
	if d.gaveUp != nil {
		return d.violation("answer", []byte("+ "+text))
	}
	var out []byte
	challenge, err := sasl.DecodeChallenge([]byte(text))
	if err == nil && *initial != nil && len(challenge) == 0 {
		out, *initial = *initial, nil
	} else if err == nil {
		out, err = m.Next(challenge)
	}
	err = d.conn.CleanError(err)
	if errors.Is(err, sasl.ErrWrongProof) {
		return fetch.Fail(fetch.KindAuth, d.conn.Break(err))
	}
	if err != nil {
		if werr := d.conn.WriteLine("*", ""); werr != nil {
			return werr
		}
		d.gaveUp = err
		return nil
	}
	return d.conn.WriteLine(sasl.EncodeResponse(out), "***")
}

// finished judges the tagged response of an exchange.
func (d *dialogue) finished(m sasl.Mechanism, r reply) error {
	gaveUp := d.gaveUp
	d.gaveUp = nil
	if gaveUp == nil && r.word == "OK" {
		gaveUp = m.Finish()
		if gaveUp != nil { // the server says we are in, but has not shown that it knows us
			return fetch.Fail(fetch.KindAuth, d.conn.Break(gaveUp))
		}
	}
	if gaveUp != nil && r.word == "OK" {
		return fetch.Fail(fetch.KindAuth, d.conn.Break(errors.Join(gaveUp, errors.New("and yet the server says OK"))))
	}
	return fetch.Fail(fetch.KindAuth, gaveUp)
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
