package pop3

import (
	"errors"
	"strings"
	"testing"

	gopop3 "github.com/knadh/go-pop3"

	"fetchd/fetch/fetchtest"
	"fetchd/fetch/wire"
)

// newQuiet returns a client of a server that says text, whatever it is asked.
func newQuiet(t testing.TB, text string) (*fetchtest.Tape, *wire.Conn, *client) {
	t.Helper()
	q := &fetchtest.Tape{R: strings.NewReader(text), Size: 1 << 20}
	c := wire.New(q, wire.Options{})
	l, err := newClient(c)
	if err != nil {
		t.Fatal(err)
	}
	return q, c, l
}

// go-pop3 must leave all that follows the status line to us: bodies are read straight from the connection.
func TestGoPOP3DoesNotReadAhead(t *testing.T) {
	t.Parallel()
	q, c, l := newQuiet(t, "+OK 1 2\r\n+OK\r\n1 a\r\n.\r\n+OK\r\n-ERR [X] no\r\n+OK bye\r\n+OK later\r\n")
	steps := []struct {
		name string
		do   func() error
		next string // line that must be next on the connection; "" = not looked at
	}{
		{"STAT", func() error {
			return l.run(func(c *gopop3.Conn) error { _, _, err := c.Stat(); return err })
		}, ""},
		{"UIDL", func() error { return l.command("UIDL") }, "1 a"},
		{"rest of UIDL", func() error { return nil }, "."},
		{"NOOP", func() error { return l.run((*gopop3.Conn).Noop) }, ""},
		{"DELE", func() error {
			err := l.run(func(c *gopop3.Conn) error { return c.Dele(1) })
			var refused *ReplyError
			if !errors.As(err, &refused) || refused.Code != "X" ||
				refused.Text != "no" || refused.Command != "DELE 1" {
				t.Errorf("%#v", err)
			}
			return nil
		}, ""},
		{"QUIT", func() error { return l.run((*gopop3.Conn).Quit) }, "+OK later"},
	}

	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if s.next != "" {
			if line, err := c.ReadLine(0); string(line) != s.next {
				t.Errorf("after %s: %q, %v; want %q", s.name, line, err, s.next)
			}
		}
	}

	if want := "STAT\r\nUIDL\r\nNOOP\r\nDELE 1\r\nQUIT\r\n"; q.Sent.String() != want {
		t.Errorf("sent %q, want %q", q.Sent.String(), want)
	}
}

func TestGoPOP3MayNotAskForMore(t *testing.T) {
	t.Parallel()
	_, c, l := newQuiet(t, "+OK\r\nx\r\n.\r\n")
	err := l.run(func(c *gopop3.Conn) error { _, err := c.Cmd("UIDL", true); return err })
	if !errors.Is(err, errReadAhead) || !errors.Is(c.Err(), errReadAhead) {
		t.Errorf("%v, %v", err, c.Err())
	}
}

func TestCommandsSentAheadAreSentOnce(t *testing.T) {
	t.Parallel()
	q, _, l := newQuiet(t, "+OK 3 4\r\n+OK\r\n+OK\r\n")
	if err := l.line.writeAhead("STAT", "NOOP"); err != nil {
		t.Fatal(err)
	}
	if err := l.run(func(c *gopop3.Conn) error { _, _, err := c.Stat(); return err }); err != nil {
		t.Error(err)
	}
	if err := l.run((*gopop3.Conn).Noop); err != nil {
		t.Error(err)
	}
	if err := l.run((*gopop3.Conn).Noop); err != nil {
		t.Error(err)
	}
	if want := "STAT\r\nNOOP\r\nNOOP\r\n"; q.Sent.String() != want {
		t.Errorf("sent %q, want %q", q.Sent.String(), want)
	}
}

func TestLineBreaksInArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"a\r\nDELE 1", "a\nb", "a\rb", "a\x00b"} {
		q, _, l := newQuiet(t, "+OK\r\n+OK\r\n")
		err := l.run(func(c *gopop3.Conn) error { return c.User(bad) })
		if err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
		if q.Sent.Len() > 0 {
			t.Errorf("%q: sent %q", bad, q.Sent.String())
		}
	}
}

// FuzzReply: no status line makes the reader crash or accept what isn't +OK, and errors stay short and
// printable.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		"", "+OK", "+OK\r", "-ERR", "-ERR [IN-USE] x", "-ERR [", "-ERR [\x00] x", "-ERR [\xff] x", "+",
		"+ x", "-ERR []]", "+OKAY", "+ok\tx", "334",
	} {
		f.Add(s)
	}

	f.Fuzz(func(t *testing.T, line string) {
		_, c, l := newQuiet(t, line+"\r\n")
		err := l.run((*gopop3.Conn).Noop)
		first, _, _ := strings.Cut(line, "\n")
		first = strings.TrimSuffix(first, "\r")
		word := strings.ToUpper(first[:min(len(first), 3)])
		if err == nil && (word != "+OK" || len(first) > 3 && first[3] != ' ' && first[3] != '\t') {
			t.Fatalf("%q was taken for +OK", line)
		}
		if err != nil && (len(err.Error()) > 1200 || strings.ContainsAny(err.Error(), "\r\n\x00\x1b")) {
			t.Fatalf("error %q", err)
		}
		if err == nil && c.Err() != nil {
			t.Fatal(c.Err())
		}
	})
}
