// Package fetchtest provides what tests of a retrieval run against: a scripted peer, small IMAP and POP3
// servers, a delay proxy, a private Dovecot and a mail generator.
package fetchtest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// Peer is a server that plays a dialogue with one client. The dialogue is text, one step per line; blank
// lines and lines that start with # are ignored:
//
//	S: text        sends text and CRLF
//	S< text        sends text with Go escapes (\r\n \x00 …) and no line end; a blank at the end is \x20
//	S*N text       the same, N times
//	C: text        expects this line from the client, ending in CRLF
//	C: ~regexp     expects a line that matches
//	C*             accepts any line
//	C<N            accepts any N octets
//	TLS            does the server's side of a handshake here
//	TLS refused    expects the client to break off the handshake
//	STALL          sends nothing more; the client must leave
//	WAIT 90s       sends nothing for that long
//	ENDLESS text   sends text (with escapes) again and again until the client leaves
//	DRIP 1m text   sends text (with escapes) again and again, one octet each minute, until the client leaves
//	CLOSE          closes the connection without a word, and the dialogue ends
//
// At the end of the dialogue the client must leave without sending anything else. The first step that does
// not go as written fails the test, with its line. A Peer works over net.Pipe inside a testing/synctest
// bubble and over loopback TCP. It always reads at once what the client sends, so that a client that
// pipelines never blocks.
type Peer struct {
	// TLS is used by TLS steps.
	TLS *tls.Config

	t     testing.TB
	steps []step
	wg    sync.WaitGroup

	mu    sync.Mutex
	conn  net.Conn
	clear bytes.Buffer
	heard bytes.Buffer
	err   error
}

// NewPeer parses a dialogue. config is the server's, for TLS steps; nil if there are none. The peer ends with
// the test and leaves nothing running.
func NewPeer(t testing.TB, dialogue string, config *tls.Config) *Peer {
	t.Helper()
	steps, err := parseDialogue(dialogue)
	if err != nil {
		t.Fatal(err)
	}
	p := &Peer{TLS: config, t: t, steps: steps}
	t.Cleanup(func() {
		if err := p.Done(); err != nil {
			t.Errorf("dialogue %v", err)
		}
	})
	return p
}

// Pipe starts the dialogue and returns the client's end of a net.Pipe.
func (p *Peer) Pipe() net.Conn {
	client, server := net.Pipe()
	p.start(server)
	return pipeEnd{client}
}

// A pipeEnd accepts deadlines after the other end was closed, as a TCP connection does, and then reads the
// end.
type pipeEnd struct{ net.Conn }

func (c pipeEnd) SetReadDeadline(t time.Time) error {
	if err := c.Conn.SetReadDeadline(t); !errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	return nil
}

// Listen listens on loopback TCP and plays the dialogue with the first client that connects. It returns the
// address.
func (p *Peer) Listen() *net.TCPAddr {
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}

	p.t.Cleanup(func() { _ = l.Close() })
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		conn, err := l.Accept()
		_ = l.Close()
		if err == nil {
			p.start(conn)
		}
	}()

	return l.Addr().(*net.TCPAddr)
}

// Clear returns what the client has sent outside TLS so far.
func (p *Peer) Clear() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clear.String()
}

// Heard returns the lines and octets that the client has sent so far, in clear text or over TLS.
func (p *Peer) Heard() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard.String()
}

// Done ends the peer, waits for it, and returns the first step that did not go as written. If the client has
// not closed its end, Done closes it. It is also called at the end of the test, which then reports what it
// returns.
func (p *Peer) Done() error {
	p.mu.Lock()
	if p.conn != nil {
		// A client that is still there gets a moment to leave, so that its last line is noticed.
		_ = p.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	}
	p.mu.Unlock()
	p.wg.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *Peer) start(raw net.Conn) {
	p.mu.Lock()
	p.conn = raw
	p.mu.Unlock()
	in := newInbox(raw)
	ctx, cancel := context.WithCancel(context.Background())
	p.wg.Add(2)

	go func() {
		defer p.wg.Done()
		in.pump()
		cancel() // the client left, or Done ends the peer
	}()

	go func() {
		defer p.wg.Done()
		err := p.play(ctx, in)
		_ = raw.Close()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
	}()
}

// player is a dialogue that is being played.
type player struct {
	peer *Peer
	ctx  context.Context // ends when the client leaves
	in   *inbox
	conn net.Conn // inbox, or TLS over it
	r    *bufio.Reader
}

// errClosed ends a dialogue at CLOSE, or when the client has left as it must.
var errClosed = errors.New("closed")

func (p *Peer) play(ctx context.Context, in *inbox) error {
	pl := &player{peer: p, ctx: ctx, in: in}
	pl.use(in)
	in.heard = p.hearClear
	for _, s := range p.steps {
		if err := pl.do(s); errors.Is(err, errClosed) {
			return nil
		} else if err != nil {
			return fmt.Errorf("line %d (%s): %w", s.line, s.source, err)
		}
	}

	if line, err := pl.r.ReadString('\n'); line != "" {
		return fmt.Errorf("at its end: the client says %.200q", line)
	} else if err == nil {
		return errors.New("at its end: the client is still there")
	}

	return nil
}

func (p *Peer) hearClear(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear.Write(b)
}

func (pl *player) use(conn net.Conn) {
	pl.conn = conn
	pl.r = bufio.NewReader(conn)
}

func (pl *player) do(s step) error {
	switch s.verb {
	case "S":
		for range s.count {
			if _, err := io.WriteString(pl.conn, s.text); err != nil {
				return fmt.Errorf("the client left: %w", err)
			}
		}
	case "C":
		return pl.line(s)
	case "C<":
		b := make([]byte, s.count)
		n, err := io.ReadFull(pl.r, b)
		pl.hear(string(b[:n]))
		return err
	case "TLS":
		return pl.tls(s)
	case "STALL":
		<-pl.ctx.Done()
		return errClosed
	case "WAIT":
		return pl.wait(s.pause)
	case "ENDLESS", "DRIP":
		return pl.endless(s)
	case "CLOSE":
		return errClosed
	}

	return nil
}

func (pl *player) hear(text string) {
	pl.peer.mu.Lock()
	defer pl.peer.mu.Unlock()
	pl.peer.heard.WriteString(text)
}

func (pl *player) line(s step) error {
	line, err := pl.r.ReadString('\n')
	pl.hear(line)
	if err != nil {
		return fmt.Errorf("the client left after %.200q: %w", line, err)
	}

	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return fmt.Errorf("the client's line %.200q does not end in CRLF", line)
	}
	if s.pattern != nil && !s.pattern.MatchString(text) || s.pattern == nil && !s.any && text != s.text {
		return fmt.Errorf("the client says %.200q", text)
	}
	return nil
}

func (pl *player) tls(s step) error {
	if n := pl.r.Buffered(); n > 0 && !s.any {
		head, _ := pl.r.Peek(1)
		if head[0] != 0x16 { // a TLS handshake record
			return fmt.Errorf("the client sent %d octets before the handshake", n)
		}
	}

	pl.in.heard = nil
	secure := tls.Server(&prefixed{Conn: pl.in, r: pl.r}, pl.peer.TLS)
	err := secure.HandshakeContext(pl.ctx)
	if s.any { // refused
		if err == nil {
			// In TLS 1.3 the client's refusal arrives after the server has finished its part.
			if _, err = secure.Read(make([]byte, 1)); err == nil {
				return errors.New("the client goes on after the handshake")
			}
		}
		return errClosed
	}
	if err != nil {
		return err
	}

	pl.use(secure)
	return nil
}

func (pl *player) wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-pl.ctx.Done():
		return errors.New("the client left")
	}
}

func (pl *player) endless(s step) error {
	chunk := s.text
	if s.verb == "ENDLESS" {
		chunk = strings.Repeat(s.text, max(1, 4096/len(s.text)))
	}

	for i := 0; ; i++ {
		if s.verb == "DRIP" {
			if pl.wait(s.pause) != nil {
				return errClosed
			}
			chunk = s.text[i%len(s.text) : i%len(s.text)+1]
		}
		if _, err := io.WriteString(pl.conn, chunk); err != nil {
			return errClosed
		}
	}
}

// step is one line of a dialogue.
type step struct {
	line    int
	source  string // as written, cut
	verb    string
	text    string
	count   int
	pattern *regexp.Regexp
	any     bool
	pause   time.Duration
}
