package pop3

import (
	"errors"
	"io"
	"net"
	"testing"

	"fetchd/fetch"
)

// Nobody else closes the connection of a login that panics.
func TestPanicInTheLoginClosesTheConnection(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	s := newScenario(t, "", nil)
	s.account.Trace = func(string) { panic("trap") }
	go func() { _, _ = io.WriteString(server, "+OK hello\r\n") }()
	if _, err := s.quirks.start(t.Context(), s.account, client); fetch.KindOf(err) != fetch.KindInternal {
		t.Error(err)
	}
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
