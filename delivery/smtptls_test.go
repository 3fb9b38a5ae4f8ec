package delivery_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"net"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
	"fetchd/fetch/login"
	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

// TestSMTPOverTLS: mail, and the password before it, goes only to a server that has proven who it is, and to
// none that does not take the login.
func TestSMTPOverTLS(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	good := tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{DNS: []string{"localhost"}}))
	other := tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{DNS: []string{"other.example.org"}}))
	plain := base64.StdEncoding.EncodeToString([]byte("\x00relay\x00sesame-street"))
	answers := func(what, answer string) func(string) string {
		return func(to string) string {
			if strings.HasPrefix(to, what) {
				return answer
			}
			return ""
		}
	}

	for _, tt := range []struct {
		name   string
		mode   login.Mode
		config *tls.Config
		offer  []string
		user   string
		answer func(string) string
		says   string
	}{
		{"STARTTLS", login.StartTLS, good, []string{"STARTTLS", "PIPELINING"}, "", nil, ""},
		{"from the first byte", login.Wrapped, good, []string{"PIPELINING"}, "", nil, ""},
		{"with a login", login.StartTLS, good,
			[]string{"STARTTLS", "AUTH PLAIN LOGIN", "PIPELINING"}, "relay", nil, ""},
		{"no STARTTLS", login.StartTLS, good, []string{"AUTH PLAIN"},
			"relay", nil, "does not offer STARTTLS"},
		{"STARTTLS refused", login.StartTLS, good, []string{"STARTTLS", "AUTH PLAIN"},
			"relay", answers("STARTTLS", "454 no"), "454"},
		{"another's certificate", login.StartTLS, other,
			[]string{"STARTTLS", "AUTH PLAIN"}, "relay", nil, "other.example.org"},
		{"another's certificate at once", login.Wrapped, other,
			[]string{"AUTH PLAIN"}, "relay", nil, "other.example.org"},
		{"login refused", login.StartTLS, good, []string{"STARTTLS", "AUTH PLAIN"},
			"relay", answers("AUTH", "535 no "+plain), "refused"},
		{"login not offered", login.StartTLS, good, []string{"STARTTLS"}, "relay", nil, "no way to log in"},
		{"login unknown", login.StartTLS, good,
			[]string{"STARTTLS", "AUTH GSSAPI"}, "relay", nil, "no way to log in"},
		{"EHLO unknown", login.StartTLS, good, []string{"STARTTLS", "AUTH PLAIN"},
			"relay", answers("EHLO", "502 what?"), "does not offer STARTTLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			policy, err := tlsverify.New(tlsverify.Options{Host: "localhost", CAFile: ca.File(t)})
			if err != nil {
				t.Fatal(err)
			}

			sink := &deliverytest.Sink{
				TLS: tt.config, Wrapped: tt.mode == login.Wrapped, Offer: tt.offer, Answer: tt.answer,
			}
			port := sink.Listen(t, "127.0.0.1:0").(*net.TCPAddr).Port
			d, err := delivery.NewSMTP(delivery.SMTPOptions{
				Servers: []delivery.SMTPServer{{Host: "localhost", Port: port, TLS: tt.mode, Policy: policy}},
				User:    tt.user, Timeout: 5 * time.Second,
				Password: func(context.Context) (string, error) { return "sesame-street", nil },
			})
			if err != nil {
				t.Fatal(err)
			}

			defer d.Close()
			for range 2 {
				err = d.Deliver(t.Context(), newMail(t, "1"))
				if tt.says == "" && err != nil {
					t.Error(err)
				}
			}

			if tt.says == "" {
				if n, _ := sink.Sessions(); n != 1 || len(sink.Got()) != 2 {
					t.Errorf("%d connections, %d messages", n, len(sink.Got()))
				}
				return
			}

			if err == nil || !strings.Contains(err.Error(), tt.says) ||
				delivery.ClassOf(err) != delivery.Unusable {
				t.Errorf("%v, want %s", err, tt.says)
			}
			if len(sink.Got()) != 0 {
				t.Error("mail was sent all the same")
			}
			if login.KindOf(err) != login.KindDelivery || strings.Contains(err.Error(), plain) {
				t.Errorf("%v error, or it shows the password: %v", login.KindOf(err), err)
			}
		})
	}
}
