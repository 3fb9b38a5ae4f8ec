package imap

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"fetchd/fetch"
	"fetchd/tlsverify/tlstest"
)

// What a server wants its user to read is logged, escaped, and not for ever.
func TestAlerts(t *testing.T) {
	t.Parallel()
	const greeting = "S: * PREAUTH [ALERT] mailbox full \x1b[31m\n" +
		"C: A1 CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: A1 OK [ALERT] renamed\n"
	_, session, _ := strings.Cut(selected("", 10, ""), "hello\n")
	session = strings.ReplaceAll(session, "S: T2 OK", strings.Repeat("S: * NO [ALERT] again\n", 9)+"S: T2 OK")
	r := newRig(t, nil)
	var log bytes.Buffer
	r.Log = slog.New(slog.NewTextHandler(&log, nil))
	if _, _, err := r.run(greeting + session + bye); err != nil {
		t.Fatal(err)
	}

	for text, want := range map[string]int{
		"alert of the server": maxAlerts, `mailbox full \\x1b[31m`: 1, "renamed": 1,
		"again": maxAlerts - 2, "\x1b": 0,
	} {
		if n := strings.Count(log.String(), text); n != want {
			t.Errorf("%q is there %d times, want %d", text, n, want)
		}
	}

	if t.Failed() {
		t.Log(log.String())
	}
}

// Before TLS anybody on the way could tell the user something (RFC 9051 section 7.1).
func TestAlertsBeforeTLS(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	r := newRig(t, ca)
	r.TLS = fetch.StartTLS
	var log bytes.Buffer
	r.Log = slog.New(slog.NewTextHandler(&log, nil))

	const clear = "S: * OK [ALERT] forged hi\nC: A1 STARTTLS\nS: * NO [ALERT] forged\n" +
		"S: A1 OK [ALERT] forged\nTLS\n"
	const secured = "C: A2 CAPABILITY\nS: * OK [ALERT] genuine\nS: A2 NO no"
	p := r.play(clear+secured, tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{DNS: []string{r.Host}})))
	_, err := r.Connect(t.Context(), r.Account)

	text := log.String()
	if strings.Contains(text, "forged") || strings.Count(text, "genuine") != 1 || p.Done() != nil {
		t.Errorf("%v, and the log is %s", err, text)
	}
}
