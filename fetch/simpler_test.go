package fetch_test

import (
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/pop3"
)

// A server that offers PIPELINING and drops what is pipelined is read all the same, by a single pass too.
func TestPipelinedCommandsAreDropped(t *testing.T) {
	t.Parallel()
	m := popMailbox(fetchtest.StartPOPServer(t, fetchtest.POPOptions{DropsPipelined: true}))
	r := newRig(t, variant{server: &server{protocol: fetch.POP3, connect: new(pop3.Memory).Connect}, mode: fetch.ClearText}, m)
	r.a.Timeout = 3 * time.Second
	r.append(t, "INBOX", numbered(5)...)
	r.retrieve(t, 5)
	if left := r.count(t, "INBOX"); left != 0 {
		t.Errorf("%d messages are left", left)
	}
}
