package fetchtest

import (
	"bytes"
	"io"
	"net"
	"time"
)

// Tape is a connection to a server that says what R has, in pieces of at most Size bytes, and then leaves. It
// has no deadlines: those of a net.Pipe cost a timer for each read, which made fuzzing slow.
type Tape struct {
	R    io.Reader
	Size int
	Sent bytes.Buffer // what was written to the server
}

func (t *Tape) Read(p []byte) (int, error)  { return t.R.Read(p[:min(len(p), t.Size)]) }
func (t *Tape) Write(p []byte) (int, error) { return t.Sent.Write(p) }

// Close does nothing: what is left on the tape can still be read.
func (t *Tape) Close() error { return nil }

// LocalAddr is none, as RemoteAddr is.
func (t *Tape) LocalAddr() net.Addr  { return nil }
func (t *Tape) RemoteAddr() net.Addr { return nil }

// SetDeadline and the others do nothing.
func (t *Tape) SetDeadline(time.Time) error      { return nil }
func (t *Tape) SetReadDeadline(time.Time) error  { return nil }
func (t *Tape) SetWriteDeadline(time.Time) error { return nil }
