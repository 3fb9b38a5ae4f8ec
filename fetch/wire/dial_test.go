package wire_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"fetchd/fetch/wire"
)

func TestDialRefused(t *testing.T) {
	t.Parallel()
	_, err := wire.Dial(t.Context(), "127.0.0.1", 1, "", time.Second)
	const refused = "connection refused; hint: check host and port;" +
		" if they are right, the server is not running"
	if err == nil || err.Error() != refused ||
		!errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v", err)
	}
}

func TestDialError(t *testing.T) {
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }

	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"refused", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)),
			"connection refused; hint: check host and port; if they are right, the server is not running"},
		{"no descriptor left", dial(os.NewSyscallError("socket", syscall.EMFILE)),
			"too many open files; hint: raise the limit of open files: ulimit -n, " +
				"or LimitNOFILE of the service"},
		{"no descriptor left for the name", dial(os.NewSyscallError("socket", syscall.ENFILE)),
			"too many open files on this machine; hint: raise fs.file-max"},
		{"unreachable", dial(os.NewSyscallError("connect", syscall.ENETUNREACH)),
			"network is unreachable; hint: check this machine's network"},
		{"no route", dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)),
			"no route to host; hint: check this machine's network"},
		{"timed out", dial(os.ErrDeadlineExceeded),
			"no connection in time; hint: check host and port; a firewall may be in between"},
		{"ended by the context", dial(context.DeadlineExceeded),
			"no connection in time; hint: check host and port; a firewall may be in between"},
		{"typo", dial(&net.DNSError{Err: "no such host", Name: "imap.exmaple.org",
			Server: "192.0.2.53:53", IsNotFound: true}), "no such host; hint: check the host name"},
		{"no name server",
			dial(&net.DNSError{Err: "server misbehaving", Name: "imap.example.org", IsTemporary: true}),
			"look up the name: server misbehaving; hint: check this machine's name server"},
		{"name server silent",
			dial(&net.DNSError{Err: "i/o timeout", Name: "imap.example.org", IsTimeout: true}),
			"look up the name: i/o timeout; hint: check this machine's name server"},
		{"other", dial(errors.New("odd")), "dial tcp: odd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := &wire.DialError{Err: tt.err}
			if err.Error() != tt.want {
				t.Errorf("text %q, want %q", err, tt.want)
			}
			if !errors.Is(err, tt.err) || strings.Contains(err.Error(), "example.org") {
				t.Errorf("loses its cause, or names the host: %v", err)
			}
		})
	}
}
