package pop3

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"fetchd/fetch"
	"fetchd/fetch/login"
	"fetchd/fetch/wire"
)

// ReplyError is a command that the server answered with -ERR.
type ReplyError struct {
	Command string // without arguments that are secret
	// extended response code in upper case without brackets, "IN-USE" (RFC 2449 section 8); may be empty
	Code string
	// the address of the web behind it, which RFC 2449 does not allow and Gmail sends; mostly ""
	Detail string
	Text   string // what followed, at most 200 bytes
}

func (e *ReplyError) Error() string {
	code := ""
	if e.Code != "" {
		code = "[" + strings.TrimSpace(e.Code+" "+e.Detail) + "] "
	}
	return fmt.Sprintf("%s: the server answers -ERR %s%q", e.Command, code, e.Text)
}

// reply is the refusal in the form of package login, which has the table of their meanings.
func (e *ReplyError) reply() login.Reply {
	return login.Reply{Command: e.Command, Word: "-ERR", Code: e.Code, Detail: e.Detail, Text: e.Text}
}

// replyKind is the first word of a reply.
type replyKind int

const (
	replyErr replyKind = iota
	replyOK
	replyMore // "+": a SASL challenge, RFC 5034
)

// parseReply parses a status line. A server that sends anything else is out of step, or no POP3 server.
func parseReply(c *wire.Conn, line []byte) (kind replyKind, text []byte, err error) {
	word, text, _ := bytes.Cut(line, []byte{' '})
	// Some servers put a tab there.
	if i := bytes.IndexByte(word, '\t'); i >= 0 {
		word, text = word[:i], line[i+1:]
	}

	switch {
	// In any case: RFC 1939 section 3 wants upper case, and some servers don't care.
	case bytes.EqualFold(word, []byte("+OK")):
		return replyOK, text, nil
	case bytes.EqualFold(word, []byte("-ERR")):
		return replyErr, text, nil
	case bytes.Equal(word, []byte("+")):
		return replyMore, text, nil
	}
	return 0, nil, fmt.Errorf("the server says %s where +OK or -ERR belongs", c.Quoted(line))
}

// replyError makes the error of an -ERR line's text.
func replyError(c *wire.Conn, command string, text []byte) *ReplyError {
	e := &ReplyError{Command: command}
	if len(text) > 0 && text[0] == '[' {
		end := max(0, bytes.IndexByte(text, ']'))
		code, more, two := bytes.Cut(text[:end], []byte{' '})
		address := c.Address(string(more))
		// Anything else in brackets is text, as on servers that don't know RFC 2449.
		if end > 0 && len(code) <= 64 && printable(code) && (!two || address != "") {
			e.Code, e.Detail = strings.ToUpper(c.Clean(string(code[1:]))), address
			text = bytes.TrimLeft(text[end+1:], " ")
		}
	}

	e.Text = c.Clean(string(text)) // before it is cut: a part of a secret would not be recognised
	e.Text = e.Text[:min(len(e.Text), 200)]
	return e
}

// printable tells whether a response code has only the characters that RFC 2449 section 3 allows.
func printable(code []byte) bool {
	return !bytes.ContainsFunc(code, func(r rune) bool { return r <= ' ' || r > '~' })
}

// errOutOfStep marks the error of a server whose answers don't fit our commands.
var errOutOfStep = errors.New("out of step")

// stepError is one that errOutOfStep marks, which says nothing to users.
type stepError struct{ error }

func (e stepError) Unwrap() []error { return []error{e.error, errOutOfStep} }

var errChallenge = errors.New("the server sends a challenge where +OK or -ERR belongs")

// outOfStep breaks the connection: nobody can tell which command the following answers belong to.
func outOfStep(c *wire.Conn, err error) error {
	return fetch.Fail(fetch.KindProtocol, c.Break(stepError{err}))
}

// network classifies an error of the connection.
func network(act string, err error) error {
	var classified *fetch.Error
	if errors.As(err, &classified) {
		return err
	}
	kind := fetch.KindNetwork
	if errors.Is(err, errOutOfStep) || errors.Is(err, errBody) {
		kind = fetch.KindProtocol
	}
	return fetch.Fail(kind, fmt.Errorf("%s: %w", act, err))
}

// readStatus reads a status line. outlook.office365.com sends an empty line before some; garbage begins with
// one too, so only one is skipped.
func readStatus(c *wire.Conn) ([]byte, error) {
	line, err := c.ReadLine(0)
	if err == nil && len(line) == 0 {
		line, err = c.ReadLine(0)
	}
	return line, err
}

// readReply reads the answer to command, which must be +OK or -ERR; -ERR is a *ReplyError without a Kind. The
// text is valid until the next read.
func readReply(c *wire.Conn, command string) ([]byte, error) {
	line, err := readStatus(c)
	if err != nil {
		return nil, network(command, err)
	}

	// Whatever it says: the server works, so the time that it took is no debt.
	c.Answered()
	kind, text, err := parseReply(c, line)
	if err == nil && kind == replyMore {
		err = errChallenge
	}
	if err != nil {
		return nil, outOfStep(c, fmt.Errorf("%s: %w", command, err))
	}
	if kind == replyErr {
		return nil, replyError(c, command, text)
	}

	return text, nil
}

// refusal returns the -ERR in the error of a command. It returns nil if the connection has ended: the reason
// for that may itself be the refusal of another command.
func refusal(c *wire.Conn, err error) *ReplyError {
	var refused *ReplyError
	if c.Err() != nil || !errors.As(err, &refused) {
		return nil
	}
	return refused
}

// classify adds a kind and a hint to a *ReplyError. It returns other errors unchanged.
func classify(err error) error {
	var e *ReplyError
	if errors.As(err, &e) {
		return e.reply().Explain(err, fetch.KindServer)
	}
	return err
}
