package check

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"fetchd/tlsverify/internal/show"
)

const (
	maxLine  = 4096 // longer than any line before login may be
	maxLines = 200
)

// talk is a conversation in clear text before TLS, or inside TLS without login.
type talk struct {
	d    dialect
	conn io.ReadWriter
	r    *bufio.Reader
}

func newTalk(d dialect, conn io.ReadWriter) *talk {
	return &talk{d, conn, bufio.NewReaderSize(conn, maxLine)}
}

func (t *talk) say(lines ...string) error {
	_, err := io.WriteString(t.conn, strings.Join(lines, "\r\n")+"\r\n")
	return err
}

func (t *talk) line() (string, error) {
	b, err := t.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("a line of more than %d bytes", maxLine)
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// block reads an answer: lines up to the one that last accepts.
func (t *talk) block(last func(line string) bool) ([]string, error) {
	var lines []string
	for range maxLines {
		l, err := t.line()
		if err != nil {
			return lines, err
		}
		lines = append(lines, l)
		if last(l) {
			return lines, nil
		}
	}
	return lines, fmt.Errorf("more than %d lines", maxLines)
}

// greet reads the greeting, and gives its lines.
func (t *talk) greet() ([]string, error) {
	last := func(string) bool { return true }
	switch t.d.name {
	case "smtp", "submission", "lmtp":
		last = lastReply
	case "sieve":
		last = sieveDone
	}

	lines, err := t.block(last)
	if err != nil {
		return lines, fmt.Errorf("greeting: %w", err)
	}
	if !strings.HasPrefix(strings.ToUpper(lines[0]), t.d.greeting) {
		return lines, fmt.Errorf("greeting %s", show.Quote(lines[0]))
	}

	return lines, nil
}

// capabilities asks for what is offered; for ManageSieve that is the greeting.
func (t *talk) capabilities(greeting []string) ([]string, error) {
	if t.d.ask == "" {
		return greeting, nil
	}
	if err := t.say(t.d.ask); err != nil {
		return nil, err
	}

	refused := false
	return t.block(func(l string) bool {
		switch t.d.name {
		case "imap":
			return strings.HasPrefix(l, "a ")
		case "pop3":
			// A POP3 server without CAPA answers with one line, and no dot follows.
			refused = refused || strings.HasPrefix(l, "-ERR")
			return l == "." || refused
		}
		return lastReply(l)
	})
}

// lastReply tells the last line of an SMTP reply from those before, which have a hyphen after the code.
func lastReply(l string) bool { return len(l) < 4 || l[3] != '-' }

func sieveDone(l string) bool {
	u := strings.ToUpper(l)
	return strings.HasPrefix(u, "OK") || strings.HasPrefix(u, "NO") || strings.HasPrefix(u, "BYE")
}

// startTLS is what was seen on the way to TLS.
type startTLS struct {
	preauth    bool
	advertised bool
	answer     string
	early      int // bytes after the answer that came before TLS
}

// upgrade goes to the point where TLS begins; more is sent in the same segment as the command.
func (t *talk) upgrade(more ...string) (startTLS, error) {
	var s startTLS
	greeting, err := t.greet()
	if len(greeting) > 0 {
		s.preauth = strings.HasPrefix(strings.ToUpper(greeting[0]), "* PREAUTH")
	}
	if err != nil {
		return s, err
	}

	offers, err := t.capabilities(greeting)
	if err != nil {
		return s, fmt.Errorf("capabilities: %w", err)
	}

	s.advertised = t.d.offers(offers)

	if err := t.say(append([]string{t.d.start}, more...)...); err != nil {
		return s, err
	}
	if s.answer, err = t.answerLine(); err != nil {
		return s, fmt.Errorf("after %s: %w", t.d.offer, err)
	}

	// Read in one go with the answer: what is left was sent before TLS, by the server or by somebody else.
	s.early = t.r.Buffered()
	if !strings.HasPrefix(strings.ToUpper(s.answer), strings.ToUpper(t.d.started)) {
		return s, fmt.Errorf("%s refused: %s", t.d.offer, show.Quote(s.answer))
	}

	return s, nil
}

// answerLine skips untagged IMAP lines.
func (t *talk) answerLine() (string, error) {
	lines, err := t.block(func(l string) bool { return t.d.name != "imap" || !strings.HasPrefix(l, "* ") })
	if len(lines) == 0 {
		return "", err
	}
	return lines[len(lines)-1], err
}

// injected reports whether the server, now inside TLS, answers a no-op that was sent before TLS.
func (t *talk) injected() (bool, error) {
	// Something must be said in any case: only then the answers end.
	if err := t.say(t.d.quit); err != nil {
		return false, err
	}

	answers := 0
	for range maxLines {
		l, err := t.line()
		switch {
		case err != nil:
			return answers > 1, nil
		case t.d.noopAnswer == "":
			if lastReply(l) {
				answers++
			}
		case strings.HasPrefix(l, t.d.noopAnswer), t.d.name == "sieve" && strings.Contains(l, t.d.noopAnswer):
			return true, nil
		}
	}

	return answers > 1, nil
}

// farewell tells whether the server, now inside TLS, still talks to us: its last word may be why it doesn't.
func (t *talk) farewell() error {
	_ = t.say(t.d.quit)
	_, err := t.line()
	return err
}

// unread gives TLS the bytes that came too early in clear text; a sound server sends none.
type unread struct {
	net.Conn
	r *bufio.Reader
}

func (u unread) Read(b []byte) (int, error) { return u.r.Read(b) }
