package wire

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"fetchd/tlsverify/hints"
)

// dialTimeout bounds name look-up and connecting, over all of a host's addresses.
const dialTimeout = 60 * time.Second

// keepAlive notices a peer that has silently gone away, also while nothing is read for long (IDLE).
var keepAlive = net.KeepAliveConfig{
	Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4,
}

// Dial connects to host:port over TCP, or runs plugin (with %h and %p replaced) and speaks to it instead.
// Where a host has several addresses, one that does not answer at once delays the others no longer than
// attemptDelay. The time limit is the smaller of timeout and dialTimeout. The error of a TCP connection is a
// *DialError.
func Dial(
	ctx context.Context, host string, port int, plugin string, timeout time.Duration,
) (net.Conn, error) {
	if plugin != "" {
		return dialPlugin(plugin, host, port)
	}

	limit := dialTimeout
	if timeout > 0 {
		limit = min(limit, timeout)
	}

	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := system.reach(ctx, host, port)
	if err != nil {
		return nil, &DialError{err}
	}

	return conn, nil
}

// DialUnix connects to a socket of this machine, with the same time limit.
func DialUnix(ctx context.Context, path string, timeout time.Duration) (net.Conn, error) {
	limit := dialTimeout
	if timeout > 0 {
		limit = min(limit, timeout)
	}

	d := net.Dialer{Timeout: limit}
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, &DialError{err}
	}
	return conn, nil
}

// DialError is the error of a connection that could not be made. Its text leaves out the peer, which the
// caller names.
type DialError struct{ Err error }

func (e *DialError) Unwrap() error { return e.Err }

func (e *DialError) Error() string {
	problem, hint := e.explain()
	return hints.Text(problem, hint)
}

// Hint is the user's next step.
func (e *DialError) Hint() string {
	_, hint := e.explain()
	return hint
}

// explain leaves out what net adds to an error: the operation and the address.
func (e *DialError) explain() (problem, hint string) {
	var dns *net.DNSError
	var errno syscall.Errno
	switch {
	case errors.Is(e.Err, syscall.EMFILE): // before the others: a name can't be looked up then either
		return "too many open files", "raise the limit of open files: ulimit -n, or LimitNOFILE " +
			"of the service"
	case errors.Is(e.Err, syscall.ENFILE):
		return "too many open files on this machine", "raise fs.file-max"
	case errors.As(e.Err, &dns) && dns.IsNotFound:
		return dns.Err, "check the host name"
	case errors.As(e.Err, &dns):
		return "look up the name: " + dns.Err, "check this machine's name server"
	case errors.Is(e.Err, syscall.ENETUNREACH), errors.Is(e.Err, syscall.EHOSTUNREACH):
		errors.As(e.Err, &errno)
		return errno.Error(), "check this machine's network"
	case errors.As(e.Err, &errno) && isUnix(e.Err):
		return errno.Error(), "check the socket's path and permissions, and that its server runs"
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return "connection refused", "check host and port; if they are right, the server is not running"
	case errors.As(e.Err, &errno):
		return errno.Error(), "check host and port"
	case errors.Is(e.Err, context.DeadlineExceeded), errors.Is(e.Err, os.ErrDeadlineExceeded):
		return "no connection in time", "check host and port; a firewall may be in between"
	}

	return e.Err.Error(), ""
}

func isUnix(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Net == "unix"
}
