package delivery_test

import (
	"bytes"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
	"fetchd/fetch/login"
)

// sinkTo is a deliverer to a sink, in clear text on this machine.
func sinkTo(t testing.TB, sink *deliverytest.Sink, change func(*delivery.SMTPOptions)) *delivery.SMTP {
	t.Helper()
	server := delivery.SMTPServer{LMTP: sink.LMTP, TLS: login.ClearText}
	if sink.LMTP {
		server.Socket = filepath.Join(t.TempDir(), "lmtp")
		sink.Listen(t, server.Socket)
	} else {
		server.Host = "localhost"
		server.Port = sink.Listen(t, "127.0.0.1:0").(*net.TCPAddr).Port
	}

	return smtpTo(t, server, 20*time.Second, change)
}

// smtpTo is a deliverer to a server, closed at the end of the test.
func smtpTo(
	t testing.TB, server delivery.SMTPServer, timeout time.Duration, change func(*delivery.SMTPOptions),
) *delivery.SMTP {
	t.Helper()
	o := delivery.SMTPOptions{
		Servers: []delivery.SMTPServer{server}, Name: "client.example.org", Timeout: timeout,
	}
	if change != nil {
		change(&o)
	}

	d, err := delivery.NewSMTP(o)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = d.Close() })
	return d
}

// sentAs is what a message is on its way: without Return-Path, and each CR, LF and CRLF a CRLF.
func sentAs(m *delivery.Message, body []byte) []byte {
	text := append(bytes.Clone(m.Trace), body...)
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
}

func TestSMTPContract(t *testing.T) {
	t.Parallel()
	for _, kind := range []struct {
		name  string
		lmtp  bool
		offer []string
	}{
		{"smtp", false, []string{"PIPELINING", "8BITMIME", "SIZE 100000000", "SMTPUTF8"}},
		{"smtp one by one", false, nil},
		{"lmtp", true, []string{"PIPELINING", "SIZE"}},
		{"lmtp one by one", true, nil},
	} {
		deliverytest.Run(t, kind.name, func(t *testing.T) deliverytest.Target {
			sink := &deliverytest.Sink{LMTP: kind.lmtp, Offer: kind.offer}
			answers := func(to, text string) func(t *testing.T) func() {
				return func(*testing.T) func() {
					sink.SetAnswer(func(what string) string {
						if strings.HasPrefix(what, to) {
							return text
						}
						return ""
					})
					return func() { sink.SetAnswer(nil) }
				}
			}
			return deliverytest.Target{
				Deliverer: sinkTo(t, sink, nil),
				Delivered: func(*testing.T) [][]byte { return sink.Data() },
				Want:      sentAs,
				Break: map[delivery.Class]func(t *testing.T) func(){
					delivery.Temporary: answers(".", "452 full"),
					delivery.Permanent: answers("RCPT", "550 who?"),
					delivery.Unusable:  answers("MAIL", "530 log in first"),
				},
				RefuseOne: answers("RCPT TO:<bob@", "450 bob is asleep"),
			}
		})
	}
}
