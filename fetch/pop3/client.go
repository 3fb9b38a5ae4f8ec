package pop3

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"

	gopop3 "github.com/knadh/go-pop3"

	"fetchd/fetch/wire"
)

// client is go-pop3 on a connection that is logged in. As far as go-pop3 knows, the answer to each command is
// one line; the callers of UIDL and LIST read from the connection what follows that line.
type client struct {
	conn *gopop3.Conn
	line *lineConn
}

func newClient(c *wire.Conn) (*client, error) {
	line := &lineConn{c: c, rest: []byte("+OK\r\n")} // the greeting, which NewConn waits for
	conn, err := gopop3.New(gopop3.Opt{Dialer: line}).NewConn()
	if err != nil {
		return nil, fmt.Errorf("start go-pop3: %w", err)
	}
	return &client{conn: conn, line: line}, nil
}

// run calls do, which makes go-pop3 run one command. It prefers the adapter's error, which says more: a
// *ReplyError without a Kind, or the connection's error.
func (l *client) run(do func(*gopop3.Conn) error) error {
	l.line.err = nil
	err := do(l.conn)
	if l.line.err != nil {
		return l.line.err
	}
	return err
}

// command runs a command; go-pop3 sees only the first line of the answer.
func (l *client) command(name string) error {
	return l.run(func(c *gopop3.Conn) error {
		_, err := c.Cmd(name, false)
		return err
	})
}

// lineConn is the net.Conn under go-pop3. It answers each command with one status line, checked and in the
// form that go-pop3 knows, and nothing beyond that, so that go-pop3's buffer is empty between commands. A
// command that ahead has sent already is not sent again when go-pop3 writes it.
type lineConn struct {
	net.Conn // nil: go-pop3 calls only the methods below

	c       *wire.Conn
	sent    []string // commands sent ahead of go-pop3, oldest first
	command string   // the command whose answer go-pop3 waits for; "" = none
	rest    []byte   // what is left of the status line
	err     error    // of the last command, with the details that go-pop3 loses
}

var errReadAhead = errors.New("go-pop3 reads what was not asked for")

// Dial implements gopop3.Dialer.
func (l *lineConn) Dial(string, string) (net.Conn, error) { return l, nil }

// writeAhead sends commands in one write, before go-pop3 is told to send them in this order.
func (l *lineConn) writeAhead(commands ...string) error {
	for _, command := range commands {
		l.c.TraceOut(command)
	}
	l.sent = append(l.sent, commands...)
	return l.c.Write([]byte(strings.Join(commands, "\r\n") + "\r\n"))
}

func (l *lineConn) Write(p []byte) (int, error) {
	line, ok := bytes.CutSuffix(p, []byte("\r\n"))
	// What follows a line end would be a command of its own, written by whoever gave us the text.
	if !ok || bytes.ContainsAny(line, "\r\n\x00") {
		l.err = fmt.Errorf("refused to send a command with a control character in it")
		return 0, l.err
	}

	l.command = string(line)
	if len(l.sent) == 0 {
		if err := l.c.WriteLine(l.command, ""); err != nil {
			l.err = network(l.command, err)
			return 0, l.err
		}
		return len(p), nil
	}
	// Answers come in the order of the commands: out of order, one would be taken for that of another.
	if l.sent[0] != l.command {
		l.err = fmt.Errorf("%s: %s was sent before and has not been answered", l.command, l.sent[0])
		return 0, l.err
	}

	l.sent = l.sent[1:]
	return len(p), nil
}

func (l *lineConn) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		if l.command == "" {
			// Whatever it read would be missing where the body or the list is read from the connection.
			l.err = l.c.Break(errReadAhead)
			return 0, l.err
		}
		command := l.command
		l.command = ""
		text, err := readReply(l.c, command)
		if err != nil {
			l.err = err
			return 0, err
		}
		l.rest = fmt.Appendf(nil, "+OK %s\r\n", text)
	}

	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// Close implements net.Conn; go-pop3 calls it at the end of Quit. It does nothing: the session closes the
// connection.
func (l *lineConn) Close() error { return nil }
