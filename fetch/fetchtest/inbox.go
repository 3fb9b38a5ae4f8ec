package fetchtest

import (
	"bufio"
	"net"
	"sync"
)

// inbox is a net.Conn whose input is read at once into memory, so that the other side never blocks in a
// write.
type inbox struct {
	net.Conn
	heard func([]byte) // called with what Read returns; nil = nothing is called

	mu   sync.Mutex
	more *sync.Cond
	data []byte
	err  error
}

func newInbox(conn net.Conn) *inbox {
	in := &inbox{Conn: conn}
	in.more = sync.NewCond(&in.mu)
	return in
}

// pump reads until the connection ends.
func (in *inbox) pump() {
	buf := make([]byte, 32<<10)
	for {
		n, err := in.Conn.Read(buf)
		in.mu.Lock()
		in.data = append(in.data, buf[:n]...)
		in.err = err
		in.mu.Unlock()
		in.more.Broadcast()
		if err != nil {
			return
		}
	}
}

func (in *inbox) Read(p []byte) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.data) == 0 && in.err == nil {
		in.more.Wait()
	}

	if len(in.data) == 0 {
		return 0, in.err
	}

	n := copy(p, in.data)
	in.data = in.data[n:]
	if in.heard != nil {
		in.heard(p[:n])
	}

	return n, nil
}

// prefixed is a connection whose beginning a reader has already buffered.
type prefixed struct {
	net.Conn
	r *bufio.Reader
}

func (p *prefixed) Read(b []byte) (int, error) { return p.r.Read(b) }
