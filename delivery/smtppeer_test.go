package delivery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/login"
	"fetchd/tlsverify"
)

// TestLMTPToDovecot: a real LMTP server gets all odd messages, for several recipients, each as it was sent.
func TestLMTPToDovecot(t *testing.T) {
	t.Parallel()
	dovecot := fetchtest.StartDovecot(t)
	d, err := delivery.NewSMTP(delivery.SMTPOptions{
		Servers: []delivery.SMTPServer{
			{Host: "localhost", Port: dovecot.LMTP, LMTP: true, TLS: login.ClearText},
		},
		Timeout: 20 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()

	users := []string{dovecot.User(), dovecot.User()}
	var ms []*delivery.Message
	var want [][]byte
	for name, body := range deliverytest.Bodies() {
		if bytes.IndexByte(body, 0) >= 0 || len(body) > 1<<20 && bytes.Count(body, []byte("\n")) < 10 {
			continue // Dovecot stores NUL and endless lines in a way of its own
		}
		m := deliverytest.NewMessage(t, name, body)
		m.Recipients = users
		ms, want = append(ms, m), append(want, sentAs(m, body))
	}
	err = d.DeliverSeries(t.Context(), ms, func(i int, err error) error {
		if err != nil {
			err = fmt.Errorf("%s: %w", ms[i].UID, err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	for _, user := range users {
		var got [][]byte
		for _, stored := range dovecot.List(t, user+"@localhost", "INBOX") {
			text := stored.Body
			if i := bytes.Index(text, []byte("Received: from mail.example.org")); i >= 0 {
				text = text[i:] // Return-Path, Delivered-To and Received are the server's
			}
			got = append(got, text)
		}
		slices.SortFunc(got, bytes.Compare)
		slices.SortFunc(want, bytes.Compare)
		if len(got) != len(want) {
			t.Fatalf("%s has %d messages, want %d", user, len(got), len(want))
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("got  %.300q\nwant %.300q", got[i], want[i])
			}
		}
	}

	// Only one of two is somebody who can be.
	m := newMail(t, "1")
	m.Recipients = []string{users[0], strings.Repeat("x", 300)}
	err = d.Deliver(t.Context(), m)
	partial, ok := errors.AsType[*delivery.PartialError](err)
	if !ok || !slices.Equal(partial.Delivered, users[:1]) {
		t.Errorf("%v, want one that says that %s has it", err, users[0])
	}
}

// TestSMTPToPostfix: a real mail server gets all odd messages as they were sent, over STARTTLS, after a
// login, and nothing without one.
func TestSMTPToPostfix(t *testing.T) {
	t.Parallel()
	if os.Getenv("POSTFIX") == "" {
		t.Skip("no POSTFIX: make ci has one")
	}
	dir, err := os.MkdirTemp("", "sasl") // which Postfix's user can enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "sasl")
	dovecot := fetchtest.StartDovecot(t,
		"service auth {", "unix_listener "+socket+" {", "mode = 0666", "}", "}")
	postfix := deliverytest.StartPostfix(t, socket)
	policy, err := tlsverify.New(tlsverify.Options{Host: "localhost", CAFile: postfix.CAFile})
	if err != nil {
		t.Fatal(err)
	}
	o := delivery.SMTPOptions{
		Servers: []delivery.SMTPServer{{Host: "localhost", Port: postfix.Port, Policy: policy}},
		Timeout: 20 * time.Second,
	}
	deliver := func(user, password string, ms ...*delivery.Message) error {
		o.User, o.Password = user, func(context.Context) (string, error) { return password, nil }
		d, err := delivery.NewSMTP(o)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		return d.DeliverSeries(t.Context(), ms, func(i int, err error) error {
			if err != nil {
				err = fmt.Errorf("%s: %w", ms[i].UID, err)
			}
			return err
		})
	}
	if err := deliver("", "", newMail(t, "1")); delivery.ClassOf(err) != delivery.Permanent {
		t.Errorf("without a login: %v", err)
	}
	if err := deliver("ann", "wrong", newMail(t, "1")); delivery.ClassOf(err) != delivery.Unusable {
		t.Errorf("with a wrong password: %v", err)
	}

	var ms []*delivery.Message
	var want [][]byte
	for name, body := range deliverytest.Bodies() {
		if bytes.IndexByte(body, 0) >= 0 || len(body) > 1<<20 && bytes.Count(body, []byte("\n")) < 10 ||
			!bytes.HasPrefix(body, []byte("From: bob")) {
			continue // Postfix takes out NUL, limits headers, and adds what a header lacks
		}
		body = append([]byte("Date: Sun, 22 Nov 2026 01:23:27 +0000\nMessage-ID: <1@example.net>\n"), body...)
		m := deliverytest.NewMessage(t, name, body)
		ms = append(ms, m)
		want = append(want, bytes.ReplaceAll(sentAs(m, body), []byte("\r\n"), []byte("\n")))
	}
	if err := deliver("ann", dovecot.Password, ms...); err != nil {
		t.Fatal(err)
	}
	got := postfix.Got(t, len(ms))
	slices.SortFunc(got, bytes.Compare)
	slices.SortFunc(want, bytes.Compare)
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d:\n%s", len(got), len(want), postfix.Log())
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("got  %.300q (%d)\nwant %.300q (%d)", got[i], len(got[i]), want[i], len(want[i]))
		}
	}

	// Of several recipients those who can have the message get it, and nobody gets it again.
	m := newMail(t, "several")
	m.Recipients = []string{"ann", "refused", "bob", "deferred"}
	for range 2 {
		err := deliver("ann", dovecot.Password, m)
		partial, ok := errors.AsType[*delivery.PartialError](err)
		if ok {
			m.Recipients = slices.DeleteFunc(m.Recipients, func(r string) bool {
				return slices.Contains(partial.Delivered, r)
			})
		}
		if err == nil || !slices.Equal(m.Recipients, []string{"refused", "deferred"}) {
			t.Errorf("%v; %q are left", err, m.Recipients)
		}
		if class := delivery.ClassOf(err); class != delivery.Temporary {
			t.Errorf("class %v, although one of them is deferred only", class)
		}
	}
	if n := len(postfix.Got(t, len(ms)+2)); n != len(ms)+2 {
		t.Errorf("%d messages, want one more for each of two", n)
	}
}
