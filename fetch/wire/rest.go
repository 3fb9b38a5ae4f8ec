package wire

import (
	"bufio"
	"sync"
)

// restBuffer is the size of what a resting connection reads into: the first bytes of the server's next line.
const restBuffer = 512

// readers holds read buffers for connections that are not resting.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, bufferSize) }}

// source fills a read buffer: first with the bytes that ended the connection's rest, then from the
// connection.
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

// Rest waits until the server says something, without a read buffer: thousands of connections may be in
// IDLE at a time. What woke it is read next. Only the reading goroutine may call it. It does nothing if
// bytes are waiting to be read or the connection is compressed.
func (c *Conn) Rest() error {
	// The decompressor has a buffer of its own, far larger than ours: there is nothing to be saved.
	if c.compressed || c.r.Buffered() > 0 || c.Err() != nil {
		return nil
	}

	// The large buffer goes back to the pool before the wait, which may take half an hour.
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

	// Into the buffer, where the next Rest sees them: it would wait for more, and lose these.
	if _, err := c.r.Peek(1); err != nil {
		return c.readError(err)
	}

	return nil
}
