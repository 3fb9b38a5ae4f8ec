package imap

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"fetchd/fetch/login/imapline"
)

// answer passes on a tagged response or a continuation request.
func (g *guard) answer(r imapline.Reply) error {
	if r.Tag == "+" {
		if !g.answered(r.Tag) {
			return nil
		}
		// Without the server's text, which imapclient has no use for.
		g.out = []byte("+\r\n")
		return nil
	}
	said := strings.TrimSpace(r.Tag + " " + r.Word + " " + r.Text)
	if r.Word != "OK" && r.Word != "NO" && r.Word != "BAD" {
		return g.violation("what is no IMAP response: %s", g.conn.Quoted([]byte(said)))
	}
	// To a server that has just ended IDLE by itself it was a command.
	if r.Tag == "DONE" && r.Word == "BAD" {
		return nil
	}
	if !g.isAwaited(r.Tag) {
		return g.violation("an answer to no command under way: %s", g.conn.Quoted([]byte(said)))
	}

	// A new command, new bounds.
	g.text, g.number, g.unsorted = 0, 0, 0
	g.asked()
	g.answered(r.Tag)
	g.alerts.show(r)
	g.noteLimit(r)
	g.out = plainAnswer(r)
	return nil
}

// plainAnswer is a tagged response as imapclient can take it: an unclosed code would swallow the lines that
// follow, and of a code we need no more than the name.
func plainAnswer(r imapline.Reply) []byte {
	out := []byte(r.Tag + " " + r.Word)
	switch r.Code {
	case "", "CAPABILITY", "APPENDUID", "COPYUID": // imapclient wants the arguments of these
	default:
		if strings.Trim(r.Code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == "" {
			out = append(out, " ["+r.Code+"]"...)
		}
	}

	// imapclient ends the connection over a bare CR or NUL in a text that nobody needs.
	text := strings.TrimSpace(strings.NewReplacer("\r", " ", "\x00", " ").Replace(r.Text))
	if text != "" {
		text = " " + text
	}
	if strings.HasPrefix(text, " [") {
		text = " (" + text[2:]
	}

	return append(append(out, text...), "\r\n"...)
}

// status looks at an untagged status response. imapclient needs only what it tells of UIDs.
func (g *guard) status(r imapline.Reply) error {
	g.alerts.show(r)
	switch {
	case r.Word == "NO" || r.Word == "BAD":
		g.mu.Lock()
		g.warning = r
		g.mu.Unlock()
		return nil
	case r.Word == "BYE":
		return g.conn.Break(fmt.Errorf("server ended the connection: BYE %s", g.conn.Quoted([]byte(r.Text))))
	case r.Word == "OK" && r.Code == "UNSEEN":
		g.mu.Lock()
		g.unseen = strings.Trim(r.Args, "0") != ""
		g.mu.Unlock()
		return nil
	case r.Word != "OK" || r.Code != "UIDVALIDITY" && r.Code != "UIDNEXT":
		return nil
	}

	v, err := strconv.ParseUint(strings.TrimSpace(r.Args), 10, 32)
	if r.Code == "UIDVALIDITY" && err != nil { // GreenMail has milliseconds
		v, err = strconv.ParseUint(strings.TrimSpace(r.Args), 10, 64)
		v = v%math.MaxUint32 + 1
	}

	if expected := g.selectedValidity(); r.Code == "UIDVALIDITY" && expected != 0 && uint64(expected) != v {
		// All UIDs that we know, and those of commands under way, may mean other messages now.
		return g.conn.Break(errRenumbered)
	}
	if err == nil && v > 0 {
		g.out = fmt.Appendf(nil, "* OK [%s %d] ok\r\n", r.Code, v)
	}

	return nil
}

// data passes on a line of untagged data and, unless that is the message body, the literal at its end.
func (g *guard) data(line []byte) error {
	r := &g.resp
	understood := true
	// Deeper, a line is within a value.
	if first := r.lines == 0; r.kind == "FETCH" && !r.dropped && (first || r.depth == 1) {
		line, understood = g.tidyFetch(line, first)
	}

	r.lines++
	if r.size += len(line); r.size > r.limit() {
		return g.violation("a %.20q response of more than %d bytes", r.kind, r.limit())
	}
	// Checked before anything is passed on: imapclient parses as it reads.
	if err := g.check(line); err != nil {
		return err
	}

	before, size, ok := literal(line)
	if ok && bytes.ContainsAny(line[len(before):], "+-") { // which imapclient can't take
		line = fmt.Appendf(slices.Clip(before), "{%d}\r\n", size)
	}

	switch {
	case r.body && !(understood && r.goesOn(line, ok)):
		return g.violation("a message that is not as long as it was announced: %s follows it",
			g.conn.Quoted(bytes.TrimRight(line, "\r\n")))
	case size < 0:
		return g.violation("a malformed literal %s",
			g.conn.Quoted(bytes.TrimRight(line[len(before):], "\r\n")))
	case !ok:
		return g.finish(line)
	// Only directly in the FETCH list: deeper, the same words would be part of something else.
	case r.kind == "FETCH" && r.depth == 1 && isBody(before):
		if err := g.admit(size); err != nil {
			return err
		}
		r.body = true
		g.out, g.body = g.withInsertedUID(line), size
		return nil
	// Before it is read: the announced size decides, so that memory is never made for more.
	case int64(r.size)+size > int64(r.limit()):
		return g.violation("a literal of %d bytes in a %.20q response", size, r.kind)
	}

	return g.smallLiteral(line, size)
}
