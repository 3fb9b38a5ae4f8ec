package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// plainError is err of a connection in words for users. Its cause stays in its tree.
type plainError struct {
	text string
	err  error
}

func (e *plainError) Error() string { return e.text }

func (e *plainError) Unwrap() error { return e.err }

// errHungUp is the error of a connection that the other side has ended in good order.
var errHungUp error = &plainError{"the server ended the connection", io.ErrUnexpectedEOF}

// lost is err of a connection without what net adds to it: the name of a system call, and two addresses of
// which one changes each time.
func lost(err error) error {
	var op *net.OpError
	var errno syscall.Errno
	switch {
	case errors.Is(err, io.EOF):
		return errHungUp
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &plainError{"the server, or something on the way to it, cut the connection", err}
	case errors.Is(err, syscall.ETIMEDOUT): // of a keepalive
		return Late("the server can no longer be reached")
	case errors.As(err, &op) && errors.As(err, &errno):
		return &plainError{"the connection is lost: " + errno.Error(), err}
	}
	return err
}

// Late is the error of something that has not come in time, by the text; see IsTimeout.
func Late(text string) error { return &plainError{text, os.ErrDeadlineExceeded} }

// errFlood is the cause of an error about a line that is too long.
var errFlood = errors.New("too long a line")

// IsFlood tells whether err is a server that sent a longer line than any protocol has.
func IsFlood(err error) bool { return errors.Is(err, errFlood) }

// IsTimeout tells whether err is a server that did not answer in time.
func IsTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// HasEnded tells whether err is that of a connection whose other end is closed.
func HasEnded(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.ECONNRESET)
}
