package imap

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fault"
	"fetchd/fetch/wire"
)

// A mistake of ours, wherever the connection is read or written, is an error of this account, also in the
// goroutine in which imapclient reads. All goroutines end, or the bubble would not.
func TestPanicOnTheConnection(t *testing.T) {
	t.Parallel()
	// Each trap is in the last line that the server hears or says before the client leaves.
	tests := []struct{ trap, script string }{
		{"IMAP< * PREAUTH", "S: * PREAUTH [CAPABILITY IMAP4rev1] hello\n"},
		{"IMAP> T1 ", "S: * PREAUTH [CAPABILITY IMAP4rev1] hello\n"},
		{"IMAP< * 9 EXISTS", "S: * PREAUTH [CAPABILITY IMAP4rev1] hello\nC*\nC*\nS: * 9 EXISTS\n"},
		{"IMAP< T2 OK", selected("", 3, "1 2")},
		{"IMAP> T3 UID FETCH", selected("", 3, "1 2")},
		{"IMAP< * 2 FETCH", selected("", 3, "1 2") + "C*\n" +
			fetched(1, "one") + "S< * 2 FETCH (UID 2 BODY[] {3}\\r\\n\n"},
		{"IMAP< T3 OK", selected("", 3, "1 2") + "C*\n" +
			fetched(1, "one") + fetched(2, "two") + "S: T3 OK done\n"},
		{"IMAP> T4 ", selected("", 3, "1 2") + "C*\n" +
			fetched(1, "one") + fetched(2, "two") + "S: T3 OK done\n"},
		{"IMAP< T4 OK", selected("", 3, "1 2") + "C*\n" + fetched(1, "one") +
			fetched(2, "two") + "S: T3 OK done\nC*\nS: T4 OK done\n"},
	}

	for _, tt := range tests {
		t.Run(tt.trap, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				reached := false
				r.Trace = func(traced string) {
					if strings.HasPrefix(traced, tt.trap) {
						reached = true
						panic("trap")
					}
				}

				p := r.play(tt.script+"STALL", nil)
				_, err := fetch.Retrieve(t.Context(), r.Account)
				if perr := p.Done(); perr != nil {
					t.Errorf("dialogue %v", perr)
				}

				synctest.Wait()
				if !reached || fetch.KindOf(err) != fetch.KindInternal {
					t.Errorf("reached: %v, error of kind %v: %v", reached, fetch.KindOf(err), err)
				}
			})
		})
	}
}

// The same in the goroutines that take what imapclient has read.
func TestPanicBesideTheConnection(t *testing.T) {
	t.Parallel()
	m := &mailbox{s: &session{conn: wire.New(nopConn{}, wire.Options{})}}
	tests := []struct {
		name string
		err  error
	}{
		{"batch", m.receive(t.Context(), &batch{}, nil)},
		{"message", m.message(t.Context(), nil, &batch{}, nil)},
		{"acknowledgement", ack{}.after(func() error { panic("trap") }).err},
		{"imapclient's reader", panicked(fmt.Errorf("fetch: %w",
			errors.New("imapclient: panic reading response: odd\ngoroutine 7 [running]:\n")))},
	}

	for _, tt := range tests {
		var p *fault.Error
		if !errors.As(tt.err, &p) || len(p.Stack) == 0 || strings.Contains(tt.err.Error(), "goroutine") {
			t.Errorf("%s: %v", tt.name, tt.err)
		}
	}

	if m.s.conn.Err() == nil {
		t.Error("the connection goes on, and the other batch waits")
	}
}

// nopConn is a connection that can be broken.
type nopConn struct{ net.Conn }

func (nopConn) SetDeadline(time.Time) error { return nil }

// Nobody else closes the connection of a login that panics.
func TestPanicInTheLoginClosesTheConnection(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	r := newRig(t, nil)
	r.Trace = func(string) { panic("trap") }
	go func() { _, _ = io.WriteString(server, "* OK hello\r\n") }()
	if _, err := r.quirks.begin(t.Context(), r.Account, client); fetch.KindOf(err) != fetch.KindInternal {
		t.Error(err)
	}
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
