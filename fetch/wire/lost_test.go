package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

// The system's words name its own calls, and two addresses of which one changes each time.
func TestLost(t *testing.T) {
	t.Parallel()
	peer := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 993}
	by := func(op string, cause syscall.Errno) error {
		return &net.OpError{Op: op, Net: "tcp", Source: peer, Addr: peer, Err: os.NewSyscallError(op, cause)}
	}

	const cut = "the server, or something on the way to it, cut the connection"
	for _, tt := range []struct {
		name  string
		err   error
		text  string
		ended bool
		late  bool
	}{
		{"an end", io.EOF, "the server ended the connection", true, false},
		{"a reset", by("read", syscall.ECONNRESET), cut, true, false},
		{"a broken pipe", by("write", syscall.EPIPE), cut, true, false},
		{"keepalive", by("read", syscall.ETIMEDOUT),
			"the server can no longer be reached", false, true},
		{"no network", by("read", syscall.ENETDOWN),
			"the connection is lost: network is down", false, false},
		{"of TLS", errors.New("tls: bad record MAC"), "tls: bad record MAC", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client, server := net.Pipe()
			defer server.Close()
			defer client.Close()
			err := (&timedConn{Conn: client}).ended(tt.err)
			if err.Error() != tt.text || HasEnded(err) != tt.ended || IsTimeout(err) != tt.late {
				t.Errorf("%v, ended %v, late %v", err, HasEnded(err), IsTimeout(err))
			}
		})
	}
}
