package fetch_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/pop3"
)

func TestAgain(t *testing.T) {
	t.Parallel()
	err := fetch.Fail(fetch.KindTLS, fetch.Again(io.ErrUnexpectedEOF))
	if err.Error() != io.ErrUnexpectedEOF.Error() || !errors.Is(err, fetch.ErrSimpler) || !errors.Is(err, io.ErrUnexpectedEOF) || fetch.KindOf(err) != fetch.KindTLS {
		t.Errorf("%v, %v", err, fetch.KindOf(err))
	}
}

// A server that offers PIPELINING and drops what is pipelined is read all the same, by a single pass too.
func TestPipelinedCommandsAreDropped(t *testing.T) {
	t.Parallel()
	m := popMailbox(fetchtest.StartPOPServer(t, fetchtest.POPOptions{DropsPipelined: true}))
	r := newRig(t, variant{server: &server{protocol: fetch.POP3, connect: new(pop3.Quirks).Connect}, mode: fetch.ClearText}, m)
	r.a.Timeout = 3 * time.Second
	r.append(t, "INBOX", numbered(5)...)
	r.retrieve(t, 5)
	if left := r.count(t, "INBOX"); left != 0 {
		t.Errorf("%d messages are left", left)
	}
}
