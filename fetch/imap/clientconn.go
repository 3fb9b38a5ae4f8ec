package imap

import (
	"io"

	"github.com/emersion/go-imap/v2/imapclient"
)

// clientConn is the connection as one imapclient sees it. While the server owes no answer, a Read waits for
// the next command and not for the server, so that imapclient's reader can be ended without ending the
// connection: an IDLE is cheaper without it, see idling.
type clientConn struct {
	*guard
	left bool // guarded by the guard's lock: the connection is no longer this imapclient's
}

// startClient makes an imapclient for the connection, which has none.
func (s *session) startClient() error {
	s.guard.greet()
	s.seat = &clientConn{guard: s.guard}
	s.client = imapclient.New(s.seat, &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(*imapclient.UnilateralDataMailbox) { s.notice() },
		},
	})
	return s.client.WaitGreeting()
}

// endClient ends the imapclient when all its commands are answered. The error is the connection's.
func (s *session) endClient() error {
	if s.last != nil {
		s.last.abandon()
	}

	g := s.guard
	g.mu.Lock()
	for len(g.open) > 0 && g.conn.Err() == nil {
		g.turn.Wait()
	}

	s.seat.left = true
	g.turn.Broadcast()
	g.mu.Unlock()

	<-s.client.Closed()
	err := g.conn.Err()
	if err == nil {
		s.client, s.seat = nil, nil // with their buffers
	}
	return err
}

// Read implements net.Conn. It returns io.EOF once the connection has another reader.
func (c *clientConn) Read(p []byte) (int, error) {
	if !c.awaitTurn() {
		return 0, io.EOF
	}
	n, err := c.guard.Read(p)
	if err != nil {
		c.turn.Broadcast() // nothing will be answered any more
	}
	return n, err
}

// awaitTurn waits until there is something to be read, or will be. False means that this is for another
// reader.
func (c *clientConn) awaitTurn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case len(c.out) > 0 || c.body > 0 || c.resp.started || !c.quiet || c.conn.Err() != nil:
			return true
		case c.left:
			return false
		}
		c.turn.Wait()
	}
}

// Close implements net.Conn. It leaves the connection of another reader alone.
func (c *clientConn) Close() error {
	c.mu.Lock()
	left := c.left
	c.mu.Unlock()
	if left {
		return nil
	}

	err := c.guard.Close()
	c.turn.Broadcast()
	return err
}
