package fetch_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"fetchd/delivery"
	"fetchd/fetch"
)

// The tests of fetchmail's advisories stand where their code is; docs/standards.md names them all. Here are
// those that need a whole retrieval.

// TestRefusedOddMessages: an agent refuses messages without a header, without anything, and with a spoilt
// header, again and again (fetchmail-SA-2005-03, SA-2006-01, SA-2006-03). They stay, nothing is sent to
// anybody, and nothing falls over.
func TestRefusedOddMessages(t *testing.T) {
	t.Parallel()
	messages := [][]byte{
		[]byte("\r\nonly a body\r\n"), []byte("\r\n"), []byte("no colon here\r\n\r\nbody\r\n"),
		[]byte(": no name\r\n\r\nbody\r\n"), []byte("From: <<>>@@, (\r\nTo\r\n\r\nx"),
		[]byte("Return-Path: <\xff\x00>\r\nFrom:\r\n\r\n."), bytes.Repeat([]byte(" "), 5000),
	}

	s := newSuite(t)
	for _, v := range s.each(variant{mode: fetch.Wrapped, mda: true}) {
		if v.server.name != "memory IMAP" && v.server.name != "our POP3" {
			continue // Dovecot mends or refuses such messages
		}
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			r, messages := s.rig(t, v), messages
			if v.server.protocol == fetch.IMAP {
				messages = messages[:2] // the memory server can't show the others
			}

			r.append(t, "INBOX", messages...)
			agent := r.a.Deliverer
			refusing, err := delivery.NewMDA(delivery.MDAOptions{Command: "echo no; exit 65 # %F %T"})
			if err != nil {
				t.Fatal(err)
			}

			r.a.Deliverer = refusing
			for range 3 {
				if res, _ := r.fails(t, fetch.KindDelivery); res.Failed != len(messages) {
					t.Fatalf("%+v", res)
				}
				r.holds(t, "INBOX", len(messages))
			}

			r.a.Deliverer = agent
			r.retrieve(t, len(messages))
			r.holds(t, "INBOX", 0)
		})
	}
}

// TestLongHeaderInTheTrace: header lines from 2 kB to 4 MB come through while the protocol is traced, and the
// trace stays small (fetchmail-SA-2008-01, SA-2021-01, SA-2010-02).
func TestLongHeaderInTheTrace(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for _, v := range s.each(variant{mode: fetch.Wrapped}) {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			r := s.rig(t, v)
			var messages [][]byte
			for _, size := range []int{2 << 10, 64 << 10, 1 << 20, 4 << 20} {
				messages = append(messages, fmt.Appendf(nil, "From: bob@example.net\r\n"+
					"X-Long: %s\xff\r\nSubject: %d\r\n\r\nbody\r\n", strings.Repeat("x", size), size))
			}
			r.append(t, "INBOX", messages...)
			r.retrieve(t, len(messages))
			r.wants(t, messages)
			if trace := r.heard(); len(trace) > 64<<10 ||
				strings.Contains(trace, "\xff") || strings.ContainsAny(trace, "\x1b\x00\r") {
				t.Errorf("the trace has %d bytes", len(trace))
			}
		})
	}
}
