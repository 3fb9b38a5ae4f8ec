package fetchtest

import (
	"errors"
	"io"
	"net"
	"time"
)

// LatePipe is a connection in memory whose client learns only by reading that the server has closed it: what
// it writes after that is taken, as TCP does.
func LatePipe() (client, server net.Conn) {
	client, server = net.Pipe()
	return lateWriter{client}, server
}

type lateWriter struct{ net.Conn }

func (c lateWriter) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err = unlessClosed(err); err == nil {
		n = len(p)
	}
	return n, err
}

func (c lateWriter) SetDeadline(t time.Time) error { return unlessClosed(c.Conn.SetDeadline(t)) }
func (c lateWriter) SetReadDeadline(t time.Time) error {
	return unlessClosed(c.Conn.SetReadDeadline(t))
}
func (c lateWriter) SetWriteDeadline(t time.Time) error {
	return unlessClosed(c.Conn.SetWriteDeadline(t))
}

// unlessClosed is err, unless that says that a pipe is closed.
func unlessClosed(err error) error {
	if errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}
