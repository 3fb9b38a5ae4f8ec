package delivery_test

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/login"
)

func TestAppendContract(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t)
	deliverytest.Run(t, "append", func(t *testing.T) deliverytest.Target {
		var lost atomic.Bool
		user := d.User()
		d.Count(t, user, "INBOX") // makes it: Dovecot 2.3 may crash when several sessions do so at once
		return deliverytest.Target{
			Deliverer: newAppend(t, delivery.AppendOptions{
				Host: "localhost", Port: d.IMAP, User: user, Password: secretOf(d.Password),
				Folder: func(string) string {
					if lost.Load() {
						return "Not there"
					}
					return "INBOX"
				},
			}),
			Delivered: func(t *testing.T) [][]byte { return withoutKeys(t, d.List(t, user, "INBOX")) },
			Want: func(m *delivery.Message, body []byte) []byte {
				return withCRLF(append(bytes.Clone(m.Trace), body...))
			},
			OneCopy: true, RepeatOnly: true,
			Refuses: func(body []byte) bool { return bytes.IndexByte(body, 0) >= 0 },
			Break: map[delivery.Class]func(t *testing.T) func(){
				delivery.Unusable: func(*testing.T) func() {
					lost.Store(true)
					return func() { lost.Store(false) }
				},
			},
		}
	})
}

// TestAppendToAnotherServer delivers to a server that is not Dovecot, and looks for copies there.
func TestAppendToAnotherServer(t *testing.T) {
	t.Parallel()
	s := fetchtest.StartMemServer(t, nil, false)
	d := newAppend(t, delivery.AppendOptions{
		Host: "localhost", Port: s.Port, User: s.User, Password: secretOf(s.Password), Create: true,
		Folder: func(source string) string { return "Old/" + source },
	})
	var want [][]byte
	for _, repeat := range []bool{false, true} {
		for _, uid := range []string{"1", "2", "3"} {
			body := []byte("Subject: " + uid + "\n\nbody\n")
			m := deliverytest.NewMessage(t, uid, body)
			m.Repeat = repeat
			if err := d.Deliver(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if !repeat {
				want = append(want, withCRLF(append(bytes.Clone(m.Trace), body...)))
			}
		}
	}
	if got := withoutKeys(t, s.List(t, "Old/INBOX")); !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func secretOf(password string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return password, nil }
}

func newAppend(t testing.TB, o delivery.AppendOptions) *delivery.Append {
	t.Helper()
	o.TLS, o.Auth = login.ClearText, "any"
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	d, err := delivery.NewAppend(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// ourKey is the line that tells us our copies.
var ourKey = regexp.MustCompile(`\r\n\tid fetchd-[0-9a-v]{24}`)

// withoutKeys are the messages as they were before they got our keys.
func withoutKeys(t *testing.T, stored []fetchtest.Stored) [][]byte {
	t.Helper()
	var all [][]byte
	for _, m := range stored {
		if n := len(ourKey.FindAll(m.Body, -1)); n != 1 {
			t.Errorf("%d keys in %.200q", n, m.Body)
		}
		all = append(all, ourKey.ReplaceAll(m.Body, nil))
	}
	return all
}

// withCRLF has CRLF for each CR, LF and CRLF.
func withCRLF(text []byte) []byte {
	for _, end := range []string{"\r\n", "\r"} {
		text = bytes.ReplaceAll(text, []byte(end), []byte("\n"))
	}
	return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
}

func isUnclear(err error) bool { return errors.Is(err, delivery.ErrUnclear) }
