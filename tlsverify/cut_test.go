package tlsverify

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"fetchd/tlsverify/hints"
)

// What net says names a system call and addresses, and a hint within a text that is cut is lost.
func TestHandshakeErrorInPlainWords(t *testing.T) {
	t.Parallel()
	reset := &net.OpError{Op: "read", Net: "tcp", Addr: &net.TCPAddr{Port: 993}, Err: syscall.ECONNRESET}
	long := strings.Repeat("x", 150)

	for _, tt := range []struct {
		name, problem, hint string
		err                 error
	}{
		{"an end", "the server ended the connection", "servers end connections like this", io.EOF},
		{"a reset", "the server, or something on the way to it, cut the connection",
			"servers end connections like this", fmt.Errorf("read: %w", reset)},
		{"an alert", "remote error: tls: no", `"fetchd check-tls HOST"`, errors.New("remote error: tls: no")},
		{"with its hint", long, "ask the operator " + long,
			hints.Errorf("ask the operator "+long, "%s", long)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			problem, hint := hints.Split(&HandshakeError{tt.err})
			if problem != "TLS handshake: "+tt.problem || !strings.HasPrefix(hint, tt.hint) {
				t.Errorf("%q and %q", problem, hint)
			}
		})
	}
}
