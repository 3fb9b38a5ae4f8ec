package pop3

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
)

// TestRoundTrips counts round trips from the TCP connect, with a delay proxy: a poll with nothing new has its
// answer after six with wrapped TLS, and retrieving and deleting takes one each (two are let pass: the
// machine may be slow in sending), not one for each message.
func TestRoundTrips(t *testing.T) {
	const rtt = 100 * time.Millisecond
	d := fetchtest.StartDovecot(t)
	user := d.User()
	var messages [][]byte

	for i := range 400 {
		messages = append(messages,
			fmt.Appendf(nil, "Subject: %d\r\n\r\n%s\r\n", i, bytes.Repeat([]byte("x"), 2000)))
	}

	d.Append(t, user, "INBOX", messages)
	a := accountOn(t, d, user, true)
	proxy := fetchtest.Delay(t, fmt.Sprintf("127.0.0.1:%d", d.POP3S), rtt)
	a.Port = proxy.Port
	a.Auth, a.Deliverer = "plain", sink{}
	trips := func(what string, most int, do func()) {
		before := proxy.Turns()
		do()
		if took := proxy.Turns() - before; took > most {
			t.Errorf("%s took %d round trips, more than %d", what, took, most)
		}
	}

	var s fetch.Session
	var m fetch.Mailbox
	var err error
	open := func() {
		if s, err = Connect(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if m, err = s.Open(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}

	trips("listing", 6, open)
	defer func() { _ = s.Close() }()
	if m.Counts().New != len(messages) {
		t.Fatal(m.Counts())
	}

	m.Limit(300)
	q := fetch.NewQueue(delivery.SpoolOptions{})
	trips("300 messages", 2, func() {
		if err := m.Retrieve(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	})

	var items []*fetch.Item
	for i, r := range m.(*maildrop).listing.rows {
		items = append(items, &fetch.Item{Num: uint32(i + 1), UID: r.uidl})
	}

	if err := m.Record(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	if err := m.Acknowledge(t.Context(), items); err != nil {
		t.Fatal(err)
	}

	trips("400 deletions and QUIT", 2, func() {
		if n, err := m.Commit(t.Context()); err != nil || n != len(items) {
			t.Fatal(n, err)
		}
	})
	if n := d.Count(t, user, "INBOX"); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}
