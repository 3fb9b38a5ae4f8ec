package account

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"fetchd/delivery/deliverytest"
	"fetchd/fetch/login"
)

// Mail goes out in clear text only on this machine, or where the file says so; the suffixes have fetchmail's
// ports.
func TestSMTPHosts(t *testing.T) {
	t.Parallel()
	mode := map[login.Mode]string{login.StartTLS: "STARTTLS", login.Wrapped: "TLS", login.ClearText: "clear"}
	for _, tt := range []struct {
		text string
		lmtp bool
		want string
	}{
		{"localhost", false, "SMTP to localhost:25 clear"},
		{"", false, "SMTP to localhost:25 clear"},
		{"127.0.0.1/2525", false, "SMTP to 127.0.0.1:2525 clear"},
		{"[::1]/2525", false, "SMTP to [::1]:2525 clear"},
		{"localhost/starttls", false, "SMTP to localhost:587 STARTTLS"},
		{"localhost/tls", false, "SMTP to localhost:465 TLS"},
		{"mail.example.org", false, "SMTP to mail.example.org:25 STARTTLS"},
		{"localhost.example.org", false, "SMTP to localhost.example.org:25 STARTTLS"},
		{"mail.example.org/465", false, "SMTP to mail.example.org:465 TLS"},
		{"mail.example.org/465/starttls", false, "SMTP to mail.example.org:465 STARTTLS"},
		{"mail.example.org/tls", false, "SMTP to mail.example.org:465 TLS"},
		{"mail.example.org/2465/tls", false, "SMTP to mail.example.org:2465 TLS"},
		{"mail.example.org/starttls/2587", false, "SMTP to mail.example.org:2587 STARTTLS"},
		{"mail.example.org/tlsproto=tls1.3", false, "SMTP to mail.example.org:25 STARTTLS"},
		{"localhost/2525/tlsproto=tls1.3", false, "SMTP to localhost:2525 STARTTLS"},
		{"mail.example.org/notls", false, "SMTP to mail.example.org:25 clear"},
		{"mail.example.org/24", true, "LMTP to mail.example.org:24 STARTTLS"},
		{"/run/lmtp", true, `LMTP to "/run/lmtp" clear`},
		{"/run/lmtp", false, `LMTP to "/run/lmtp" clear`},
	} {
		h, err := parseSMTPHost(tt.text, tt.lmtp)
		if got := h.SMTPServer.String() + " " + mode[h.TLS]; err != nil || got != tt.want {
			t.Errorf("smtphost %q: %s, %v; want %s", tt.text, got, err, tt.want)
		}
	}
}

func TestSMTPHostsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"h/tls/notls":             "/tls and /notls contradict each other",
		"h/tlsproto=tls1.3/notls": "/notls and /tlsproto contradict each other",
		"h/25/26":                 "a second port",
		"h/TLS":                   "neither a port nor a suffix",
	} {
		if _, err := parseSMTPHost(text, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("smtphost %q: %v; want %s", text, err, want)
		}
	}
}

// Entries that say the same of their mail server share its connections, others don't.
func TestSMTPIsShared(t *testing.T) {
	t.Parallel()
	accounts, _, err := resolveText(t, `poll a proto imap user ann is ann smtphost localhost
poll b proto imap user bob is bob smtphost localhost
poll c proto imap user eve is eve smtphost localhost smtpaddress example.org
poll d proto imap esmtpname x esmtppassword y user dan is dan smtphost localhost
poll e proto imap esmtpname x esmtppassword z user dan is dan smtphost localhost
`)
	if err != nil || len(accounts) != 5 {
		t.Fatal(len(accounts), err)
	}
	for i, a := range accounts {
		for k, b := range accounts[:i] {
			if shared := a.Deliverer == b.Deliverer; shared != (i == 1 && k == 0) {
				t.Errorf("accounts %d and %d share: %v", k, i, shared)
			}
		}
	}
}

// Whether this machine has a mail server is found out once: mail does not change its way when the server
// comes or goes.
func TestMailServerIsAskedForOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		greeting string
		want     string
	}{
		{"", "SMTP to localhost:"},
		{"220 hello", "SMTP to localhost:"},
		{"~554 no mail here", "Maildir /h/Maildir"},
		{"~421 busy", "Maildir /h/Maildir"},
		{"+OK hello", "Maildir /h/Maildir"},
		{deliverytest.Close, "Maildir /h/Maildir"},
	} {
		t.Run(tt.greeting, func(t *testing.T) {
			t.Parallel()
			sink := &deliverytest.Sink{Answer: func(string) string { return tt.greeting }}
			addr := sink.Listen(t, "127.0.0.1:0").(*net.TCPAddr)
			r := newTestResolver()
			r.env.MailServer = fmt.Sprintf("localhost/%d", addr.Port)
			for _, later := range []string{tt.greeting, "220 hello", "~554 no"} {
				sink.SetAnswer(func(string) string { return later })
				accounts, _, err := resolveWith(t, r, "poll h proto imap user ann\n")
				if err != nil || !strings.HasPrefix(accounts[0].Deliverer.String(), tt.want) {
					t.Errorf("%v, %v; want %s", accounts, err, tt.want)
				}
			}
			if n, _ := sink.Sessions(); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
	r := newTestResolver()
	if _, _, err := resolveWith(t, r, "poll h proto imap user ann mda cat\n"); err != nil || r.local.asked {
		t.Errorf("asked though every entry names a destination; %v", err)
	}
}
