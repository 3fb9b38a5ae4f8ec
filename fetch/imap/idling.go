package imap

import (
	"bytes"
	"cmp"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"

	"fetchd/fetch"
	"fetchd/fetch/fault"
	"fetchd/fetch/login/imapline"
)

// idling is an IDLE under way (RFC 2177). imapclient has one too, with buffers, a reader whose stack has
// grown while it did other things, and another goroutine: 20 KB for each account that waits for mail. This
// one has a goroutine that does nothing else.
type idling struct {
	s     *session
	since time.Time     // when begun was closed
	begun chan struct{} // closed when the server has acknowledged IDLE
	ended chan struct{} // closed when it was answered, or the connection has failed
	err   error         // why it ended, nil = the server said OK; to be read when ended is closed

	acknowledged bool // owned by listen
}

// idleTag is the tag of IDLE. imapclient's are numbers behind a T.
const idleTag = "TIDLE"

// minIdle is how long a server waits at least that ends IDLE by itself. Some do so after some minutes, or as
// soon as they have told of mail; one that always ends it at once can't tell of any.
const minIdle = 10 * time.Second

var errIdleEnded = fmt.Errorf("server ended IDLE by itself: %w", fetch.ErrCannotWatch)

// endedAtOnce ends the connection to a server that answers IDLE and does not wait.
func (s *session) endedAtOnce() error {
	return s.conn.Break(fetch.Fail(fetch.KindServer, errIdleEnded))
}

// beginIdle takes the connection from imapclient, and returns when the server has acknowledged IDLE. An
// *imap.Error is its refusal.
func (s *session) beginIdle() (*idling, error) {
	if err := s.endClient(); err != nil {
		return nil, err
	}
	if _, err := s.guard.Write([]byte(idleTag + " IDLE\r\n")); err != nil {
		return nil, err
	}

	i := &idling{s: s, begun: make(chan struct{}), ended: make(chan struct{})}
	go i.listen()
	select {
	case <-i.begun:
		i.since = time.Now()
		return i, nil
	case <-i.ended:
		if i.err == nil {
			return nil, s.endedAtOnce()
		}
		return nil, i.err
	}
}

// end asks the server to end IDLE, unless it has, and waits for its answer; not for long if we were woken, as
// the connection may have died silently.
func (i *idling) end(what news) (err error) {
	g := i.s.guard
	select {
	case <-i.ended:
		if i.err == nil && what == silence && time.Since(i.since) < minIdle {
			return i.s.endedAtOnce()
		}
	default:
		_, err = g.Write([]byte("DONE\r\n"))
	}

	if what == woken {
		g.patience(min(wokenTimeout, i.s.a.Timeout))
		defer g.patience(0) // what opens another mailbox next does not end it
	}
	<-i.ended
	return cmp.Or(err, i.err)
}

// listen hears the next line. Then another goroutine does: this one's stack has grown by what TLS does to a
// line, and the next may be hours away.
func (i *idling) listen() {
	answered, err := i.hear()
	if answered || err != nil {
		i.err = err
		close(i.ended)
		return
	}
	go i.listen()
}

// hear reads a line and tells whether it is the answer.
func (i *idling) hear() (answered bool, err error) {
	g := i.s.guard
	var line []byte
	defer func() {
		if err != nil && !answered {
			_ = g.conn.Break(err)
		}
	}()
	defer fault.Recover(&err)

	// Here and not only below, because each frame of the stack counts while this waits.
	if err = g.rest(); err == nil {
		line, err = g.nextLine()
	}
	if err != nil {
		return false, err
	}
	return i.take(line)
}

// take takes a line of the server's and tells whether it is the answer.
func (i *idling) take(line []byte) (answered bool, err error) {
	line = bytes.TrimRight(line, "\r\n")
	r := imapline.Parse(line)
	switch {
	case r.Tag == "+" && i.acknowledged:
		return false, i.s.guard.violation("a continuation that nobody waits for")
	case r.Tag == "+":
		i.acknowledged = true
		close(i.begun)
	case r.Tag == idleTag && r.Word != "OK":
		return true, &imap.Error{
			Type: imap.StatusResponseType(r.Word), Code: imap.ResponseCode(r.Code), Text: r.Text,
		}
	case r.Tag == idleTag:
		return true, nil
	case kindOf(line) == "EXISTS":
		i.s.notice()
	}
	return false, nil
}

// nextLine reads what imapclient would see next: a line, empty for what is inside of a response. Message
// bodies, for which nobody has asked, are dropped.
func (g *guard) nextLine() (line []byte, err error) {
	begins := !g.resp.started
	if err := g.next(); err != nil {
		return nil, err
	}

	line, g.out = g.out, nil
	if g.body > 0 {
		n, err := g.conn.Reader().Discard(int(g.body))
		if g.body -= int64(n); err != nil {
			return nil, g.conn.ReadError(err)
		}
		return nil, nil // line was overwritten
	}
	if !begins {
		return nil, nil
	}
	return line, nil
}
