package wire

import (
	"bufio"
	"sync"
)

// restBuffer is what a connection at rest reads into: the first bytes of the server's next word.
const restBuffer = 512

// readers are read buffers, for connections that are not at rest.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, bufferSize) }}

// source is what a read buffer is filled from: the bytes that ended the connection's rest, then the connection.
type source struct {
	woke []byte
	conn *timedConn
}

func (s *source) Read(p []byte) (int, error) {
	if len(s.woke) == 0 {
		return s.conn.Read(p)
	}
	n := copy(p, s.woke)
	s.woke = s.woke[n:]
	return n, nil
}

// Rest waits until the server says something, without a read buffer: thousands of connections may be in IDLE at a time.
// What comes is read next. It is for the reading goroutine, and does nothing if there are bytes to read or the
// connection is compressed.
func (c *Conn) Rest() error {
	if c.compressed || c.r.Buffered() > 0 || c.Err() != nil {
		return nil
	}
	c.r.Reset(nil)
	readers.Put(c.r)
	c.r = nil
	woke := make([]byte, restBuffer)
	n, err := c.timed.Read(woke)
	c.r = readers.Get().(*bufio.Reader)
	c.r.Reset(&source{woke[:n], c.timed})
	if err != nil {
		return c.readError(err)
	}
	return nil
}
