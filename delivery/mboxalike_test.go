package delivery_test

import (
	"strings"
	"testing"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
)

// TestMboxOfTwoAccounts: the same text of two accounts is two messages, also behind a crash of both.
func TestMboxOfTwoAccounts(t *testing.T) {
	t.Parallel()
	path := mboxPath(t)
	of := func(account, uid, trace string) *delivery.Message {
		m := deliverytest.NewMessage(t, uid, mboxBody("a"))
		m.Account, m.Trace, m.Repeat = account, []byte(trace), true
		return m
	}
	const then = "Received: from a [192.0.2.1]\n\tby b with IMAP (fetchd-1)\n\tfor c; then\n"
	const later = "Received: from a [192.0.2.2]\n\tby b with IMAP (fetchd-2)\n\tfor c; now\n"
	deliverMbox(t, path, of("ann@a", "1", then))
	deliverMbox(t, path, of("bob@a", "1", later))
	deliverMbox(t, path, of("bob@a", "2", later))
	if n := len(messagesIn(t, path)); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
	deliverMbox(t, path, of("ann@a", "1", later), of("bob@a", "2", then), of("bob@a", "1", then))
	if n := len(messagesIn(t, path)); n != 3 {
		t.Errorf("%d messages after repeats, want 3", n)
	}
}

// TestMboxExchangedMeanwhile: a program that exchanges the file without its locks takes no mail away.
func TestMboxExchangedMeanwhile(t *testing.T) {
	t.Parallel()
	path := mboxPath(t)
	deliverMbox(t, path, mboxMail(t, "a")...)
	d := mboxExchangedAt(path, "fsync")
	m := mboxMail(t, "a", "b")[1]
	if err := d.Deliver(t.Context(), m); delivery.ClassOf(err) != delivery.Temporary {
		t.Fatalf("%v, of class %v", err, delivery.ClassOf(err))
	}
	expectMbox(t, path+".old", "a")
	if err := d.Deliver(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	expectMbox(t, path, "b")
}

// TestMboxCarriageReturns: the CR of a line's end is not written, and every other one is, as in a Maildir.
func TestMboxCarriageReturns(t *testing.T) {
	t.Parallel()
	for _, keepCR := range []bool{false, true} {
		path := mboxPath(t)
		m := deliverytest.NewMessage(t, "1", nil)
		m.Body = delivery.NewSpool(delivery.SpoolOptions{KeepCR: keepCR})
		if _, err := m.Body.Write([]byte("Subject: a\r\n\r\nx\r\r\n\ry\rz\r\n\r\r\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if err := m.Body.Close(); err != nil {
			t.Fatal(err)
		}
		deliverMbox(t, path, m)
		const want = "\nSubject: a\n\nx\r\n\ry\rz\n\r\r\n\n\n"
		if got := readFile(t, path); !strings.HasSuffix(got, want) {
			t.Errorf("keepCR %v: %q, want %q at the end", keepCR, got, want)
		}
	}
}
