package fetch_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
	"fetchd/fetch"
)

// strict refuses bad messages, and perhaps the notices about them.
type strict struct {
	delivery.Deliverer
	class   delivery.Class
	notices bool // are refused too

	mu  sync.Mutex
	got []string // notices
	to  []string // whom they were for
}

func (s *strict) Deliver(ctx context.Context, m *delivery.Message) error {
	text, err := io.ReadAll(m.Body.Open())
	if err != nil {
		return err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	isNotice := strings.HasPrefix(m.UID, "refused-")
	switch {
	case isNotice && !s.notices:
		s.got, s.to = append(s.got, string(text)), append(s.to, m.Recipients...)
		if sender := m.EnvelopeSender(); sender != "" {
			return errors.New("the notice has a sender: " + sender)
		}
		return nil
	case isNotice, strings.Contains(string(text), "bad"):
		return &delivery.Error{Class: s.class, Err: errors.New("550 not\r\nhere")}
	}
	return s.Deliverer.Deliver(ctx, m)
}

// TestEncloseRefused: what is refused for good goes to the postmaster, whole, and only then is deleted on the
// server.
func TestEncloseRefused(t *testing.T) {
	t.Parallel()
	bad := "Subject: x\n\nbad\n--fetchd--\nno line end"
	for _, tt := range []struct {
		name    string
		class   delivery.Class
		to      string
		notices bool
		left    int
	}{
		{"enclosed", delivery.Permanent, "postmaster", false, 0},
		{"not asked for", delivery.Permanent, "", false, 1},
		{"for now", delivery.Temporary, "postmaster", false, 1},
		{"the notice too", delivery.Permanent, "postmaster", true, 1},
	} {
		for _, protocol := range bothProtocols {
			t.Run(tt.name+"/"+protocol.String(), func(t *testing.T) {
				t.Parallel()
				r, p, e := pickyRig(t, protocol)
				s := &strict{Deliverer: p.Deliverer, class: tt.class, notices: tt.notices}
				r.a.Deliverer, r.a.EncloseTo, r.a.Refusals = s, tt.to, new(fetch.Refusals)
				good := numbered(2)
				r.append(t, "INBOX", good[0], []byte(strings.ReplaceAll(bad, "\n", "\r\n")), good[1])
				_, _ = r.pass(t)
				_, _ = r.pass(t)
				r.wants(t, good)
				r.holds(t, "INBOX", tt.left)

				if tt.left > 0 {
					if len(s.got) != 0 {
						t.Errorf("%q", s.got)
					}
					return
				}
				e.expect(t, "WARN "+fetch.EventEnclosed, 1)
				if len(s.got) != 1 || len(s.to) != 1 || s.to[0] != tt.to {
					t.Fatalf("%q to %q", s.got, s.to)
				}
				// POP3 ends each message with a line end.
				if got := enclosed(t, s.got[0]); strings.TrimSuffix(got, "\n") != bad {
					t.Errorf("%q, want %q", got, bad)
				}
			})
		}
	}
}

// enclosed is the message in a notice.
func enclosed(t *testing.T, notice string) string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(notice))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("Return-Path") != "<>" {
		t.Errorf("%v", m.Header)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	var texts []string
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if len(texts) != 2 || !strings.Contains(texts[0], "550 not") {
		t.Fatalf("%q", texts)
	}
	return texts[1]
}

// TestEncloseBySMTP: the notices go to the server that has refused the messages, in the midst of these.
func TestEncloseBySMTP(t *testing.T) {
	t.Parallel()
	sink := &deliverytest.Sink{Offer: []string{"PIPELINING", "SIZE"}, Answer: func(to string) string {
		if strings.HasPrefix(to, "RCPT TO:<ann@") {
			return "550 5.1.1 no such user"
		}
		return ""
	}}
	server := delivery.SMTPServer{Host: "localhost", TLS: fetch.ClearText,
		Port: sink.Listen(t, "127.0.0.1:0").(*net.TCPAddr).Port}
	d, err := delivery.NewSMTP(delivery.SMTPOptions{Servers: []delivery.SMTPServer{server}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()

	for _, protocol := range bothProtocols {
		r, _, _ := pickyRig(t, protocol)
		r.a.Deliverer, r.a.EncloseTo = d, "postmaster"
		r.append(t, "INBOX", numbered(5)...)
		r.retrieve(t, 5)
		r.holds(t, "INBOX", 0)
	}

	if n := len(sink.Got()); n != 10 {
		t.Errorf("%d notices", n)
	}
	for _, m := range sink.Got() {
		if !strings.HasPrefix(m.From, "FROM:<>") || !strings.Contains(string(m.Data), "no such user") ||
			!strings.Contains(m.To, "postmaster@") || !strings.Contains(string(m.Data), "message/rfc822") {
			t.Errorf("%+v", m)
		}
	}
}
