package tlstest

import (
	"net"
	"sync"
	"time"
)

// queue is a net.Conn whose Write does not wait for the reader. net.Pipe has no buffer, and a TLS 1.3 server
// that writes its session tickets while the client writes its alert would block both for ever.
type queue struct {
	net.Conn
	chunks chan []byte
	once   sync.Once
	done   chan struct{} // closed by Close
	dead   chan struct{} // closed when nothing more will be sent
}

// BufferedPipe is a net.Pipe on which a handshake that one side refuses ends as it does on a socket. It works
// inside testing/synctest. Closing an end sends what was written before, as long as the other end reads or is
// closed.
func BufferedPipe() (client, server net.Conn) {
	c, s := net.Pipe()
	return c, newQueue(s)
}

func newQueue(c net.Conn) *queue {
	q := &queue{Conn: c, chunks: make(chan []byte, 1024), done: make(chan struct{}),
		dead: make(chan struct{})}

	go func() {
		defer c.Close()
		defer close(q.dead)
		for {
			select {
			case b := <-q.chunks:
				if _, err := c.Write(b); err != nil {
					return
				}
			case <-q.done:
				q.flush()
				return
			}
		}
	}()

	return q
}

func (q *queue) flush() {
	for {
		select {
		case b := <-q.chunks:
			if _, err := q.Conn.Write(b); err != nil {
				return
			}
		default:
			return
		}
	}
}

func (q *queue) Write(b []byte) (int, error) {
	select {
	case <-q.done:
		return 0, net.ErrClosed
	case <-q.dead:
		return 0, net.ErrClosed
	case q.chunks <- append([]byte(nil), b...):
		return len(b), nil
	}
}

func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// SetWriteDeadline does nothing: Write never waits long, and crypto/tls sets a deadline in the past when it
// closes, which would cut off what is still queued.
func (q *queue) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is for reading alone.
func (q *queue) SetDeadline(t time.Time) error { return q.SetReadDeadline(t) }
