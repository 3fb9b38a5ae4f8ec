package delivery_test

import (
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/login"
	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

// TestAppendOverTLS: the password and mail go only to a server that has proven who it is.
func TestAppendOverTLS(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	good := tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{DNS: []string{"localhost"}}))
	other := tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{DNS: []string{"other.example.org"}}))
	for _, tt := range []struct {
		name           string
		server, client login.Mode
		other          bool
		says           string
	}{
		{"STARTTLS", login.StartTLS, login.StartTLS, false, ""},
		{"from the first byte", login.Wrapped, login.Wrapped, false, ""},
		{"another's certificate", login.StartTLS, login.StartTLS, true, "other.example.org"},
		{"another's certificate at once", login.Wrapped, login.Wrapped, true, "other.example.org"},
		{"no name of the protocol", login.Wrapped, login.Wrapped, false, ""},
		{"no STARTTLS", login.ClearText, login.StartTLS, false, "does not offer STARTTLS"},
		{"no TLS", login.ClearText, login.Wrapped, false, "TLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := good
			if tt.other {
				config = other
			}
			if tt.server == login.ClearText {
				config = nil
			}
			if tt.name == "no name of the protocol" {
				config = config.Clone()
				config.NextProtos = []string{"h2"}
			}
			s := fetchtest.StartMemServer(t, config, tt.server == login.Wrapped)
			policy, err := tlsverify.New(tlsverify.Options{
				Host: "localhost", CAFile: ca.File(t), ALPN: []string{"imap"}})
			if err != nil {
				t.Fatal(err)
			}
			d, err := delivery.NewAppend(delivery.AppendOptions{
				Host: "localhost", Port: s.Port, TLS: tt.client, Policy: policy, User: s.User, Auth: "any",
				Password: secretOf(s.Password), Timeout: 5 * time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()

			err = d.Deliver(t.Context(), newMail(t, "1"))
			switch {
			case tt.says == "" && (err != nil || s.Count(t, "INBOX") != 1):
				t.Error(err)
			case tt.says == "":
			case err == nil || !strings.Contains(err.Error(), tt.says) || s.Count(t, "INBOX") != 0:
				t.Errorf("%v, want %s", err, tt.says)
			case delivery.ClassOf(err) != delivery.Unusable || login.KindOf(err) != login.KindDelivery:
				t.Errorf("class %d, kind %v: %v", delivery.ClassOf(err), login.KindOf(err), err)
			}
		})
	}
}
