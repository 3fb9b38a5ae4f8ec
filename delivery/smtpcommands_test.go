package delivery_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
)

// TestSMTPCommands: addresses, and what the server is told of a message.
func TestSMTPCommands(t *testing.T) {
	t.Parallel()
	const all = "8BITMIME\nSIZE 1000\nSMTPUTF8"
	for _, tt := range []struct {
		name, offer, header string
		recipients          []string
		change              func(*delivery.SMTPOptions)
		want                string // of each message From and To
		says                string // or the error
	}{
		{"plain", "", "", []string{"ann"}, nil, "FROM:<bob@example.net> TO:<ann@localhost>", ""},
		{"full address", "", "", []string{"ann@example.org"},
			nil, "FROM:<bob@example.net> TO:<ann@example.org>", ""},
		{"smtpaddress", "", "", []string{"ann"}, func(o *delivery.SMTPOptions) { o.Domain = "example.com" },
			"FROM:<bob@example.net> TO:<ann@example.com>", ""},
		{"smtpname without a host", "", "", []string{"ann", "eve"},
			func(o *delivery.SMTPOptions) { o.Recipient, o.Domain = "all", "example.com" },
			"FROM:<bob@example.net> TO:<all@example.com>", ""},
		{"smtpname", "", "", []string{"ann", "eve"}, func(o *delivery.SMTPOptions) {
			o.Recipient = "all@example.com"
		}, "FROM:<bob@example.net> TO:<all@example.com>", ""},
		{"smtpname beside a full address", "", "", []string{"ann@example.org", "eve"},
			func(o *delivery.SMTPOptions) { o.Recipient = "all@example.com" },
			"FROM:<bob@example.net> TO:<ann@example.org> FROM:<bob@example.net> TO:<all@example.com>", ""},
		{"needs quotes", "", "", []string{"john doe"}, nil,
			`FROM:<bob@example.net> TO:<"john doe"@localhost>`, ""},
		{"size", all, "", []string{"ann"}, nil, "FROM:<bob@example.net> SIZE=11 TO:<ann@localhost>", ""},
		{"8 bits", all, "Subject: \xfc\n", []string{"ann"}, nil,
			"FROM:<bob@example.net> BODY=8BITMIME SIZE=23 TO:<ann@localhost>", ""},
		{"bounce", "", "Return-Path: <>\n", []string{"ann"}, nil, "FROM:<> TO:<ann@localhost>", ""},
		{"Return-Path is cut", all, "Return-Path: <eve@example.net>\n",
			[]string{"ann"}, nil, "FROM:<eve@example.net> SIZE=11 TO:<ann@localhost>", ""},
		{"VERP", "", "Return-Path: <l-ann=example.org@example.net>\n", []string{"ann"},
			nil, "FROM:<l-ann=example.org@example.net> TO:<ann@localhost>", ""},
		{"quoted", "", "Return-Path: <\"a@b\"@example.net>\n", []string{"ann"},
			nil, `FROM:<"a@b"@example.net> TO:<ann@localhost>`, ""},
		{"bare", "", "From: root\n", []string{"ann"}, nil,
			"FROM:<root@mail.example.org> TO:<ann@localhost>", ""},
		{"two at", "", "From: a@b@c\n", []string{"ann"}, nil,
			"FROM:<fred@mail.example.org> TO:<ann@localhost>", ""},
		{"UTF-8", all, "From: j\u00fcrgen@example.net\n", []string{"ann"}, nil,
			"FROM:<j\u00fcrgen@example.net> SMTPUTF8 BODY=8BITMIME SIZE=38 TO:<ann@localhost>", ""},
		{"UTF-8, not offered", "", "From: j\u00fcrgen@example.net\n",
			[]string{"ann"}, nil, "FROM:<fred@mail.example.org> TO:<ann@localhost>", ""},
		{"UTF-8 recipient, not offered", "", "", []string{"j\u00fcrgen"}, nil, "", "SMTPUTF8"},
		{"UTF-8 recipient among others, not offered", "", "", []string{"j\u00fcrgen", "ann", "bob"}, nil,
			"FROM:<bob@example.net> TO:<ann@localhost> " +
				"FROM:<bob@example.net> TO:<bob@localhost>", "SMTPUTF8"},
		{"too large", "SIZE 9", "", []string{"ann"}, nil, "", "11 bytes, and the server takes 9"},
		{"line break", "", "", []string{"ann>\r\nQUIT"}, nil, "", "control character"},
		{"RCPTMAX", "LIMITS RCPTMAX=2", "", []string{"a", "b", "c"}, nil,
			"FROM:<bob@example.net> TO:<a@localhost> FROM:<bob@example.net> " +
				"TO:<b@localhost> FROM:<bob@example.net> TO:<c@localhost>", ""},
		{"RCPTDOMAINMAX", "LIMITS RCPTDOMAINMAX=1", "", []string{"a", "b@x", "c@X"}, nil,
			"FROM:<bob@example.net> TO:<a@localhost> FROM:<bob@example.net> " +
				"TO:<b@x> FROM:<bob@example.net> TO:<c@X>", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// With LMTP each recipient is one that was delivered to.
			sink := &deliverytest.Sink{
				LMTP: true, Offer: strings.FieldsFunc(tt.offer, func(r rune) bool { return r == '\n' }),
			}
			d := sinkTo(t, sink, tt.change)
			m := deliverytest.NewMessage(t, "1", []byte(tt.header+"\nbody\nx"))
			m.Trace, m.Recipients = nil, tt.recipients
			if tt.header == "From: root\n" || strings.HasPrefix(tt.header, "From: a@b") ||
				tt.offer == "" && strings.Contains(tt.header, "\u00fc") {
				m.Sender = "fred@mail.example.org"
			}

			err := d.Deliver(t.Context(), m)
			if tt.says != "" {
				if err == nil || !strings.Contains(err.Error(), tt.says) ||
					delivery.ClassOf(err) != delivery.Permanent {
					t.Errorf("%v, want %s", err, tt.says)
				}
			} else if err != nil {
				t.Fatal(err)
			}

			var got []string
			for _, m := range sink.Got() {
				got = append(got, m.From, m.To)
			}

			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestLMTPMixed: each recipient has its own answer, also where the connection is lost among them.
func TestLMTPMixed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		answers   map[string]string // by recipient
		delivered string
		class     delivery.Class
		says      string
	}{
		{"all", nil, "", 0, ""},
		{"over quota", map[string]string{"bob": "452 bob is full"},
			"ann eve", delivery.Temporary, "bob is full"},
		{"no such user", map[string]string{"bob": "550 no bob"}, "ann eve", delivery.Permanent, "no bob"},
		{"one for good, one for now", map[string]string{"ann": "550 no ann", "eve": "450 eve sleeps"},
			"bob", delivery.Temporary, "eve sleeps"},
		{"none", map[string]string{"ann": "550 a", "bob": "550 b", "eve": "550 e"},
			"", delivery.Permanent, "3 recipients"},
		{"lost", map[string]string{"bob": deliverytest.Close}, "ann", delivery.Temporary, "ended"},
		{"lost at once", map[string]string{"ann": deliverytest.Close}, "", delivery.Temporary, "ended"},
		{"it leaves in between", map[string]string{"bob": "221 bye"}, "ann", delivery.Temporary,
			"the server leaves: 221"},
		{"out of place", map[string]string{"eve": "354 go on"}, "ann bob", delivery.Temporary, "no answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sink := &deliverytest.Sink{LMTP: true, Offer: []string{"PIPELINING"}}
			sink.Answer = func(to string) string {
				for name, answer := range tt.answers {
					if strings.HasPrefix(to, ". TO:<"+name+"@") {
						return answer
					}
				}
				return ""
			}

			d := sinkTo(t, sink, nil)
			m := newMail(t, "1")
			m.Recipients = []string{"ann", "bob", "eve"}
			err := d.Deliver(t.Context(), m)
			if tt.says == "" {
				if err != nil || len(sink.Got()) != 3 {
					t.Errorf("%v, %d delivered", err, len(sink.Got()))
				}
				return
			}

			delivered := ""
			if partial, ok := errors.AsType[*delivery.PartialError](err); ok {
				delivered = strings.Join(partial.Delivered, " ")
			}
			if err == nil || delivery.ClassOf(err) != tt.class ||
				delivered != tt.delivered || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("class %d, delivered to %q: %v", delivery.ClassOf(err), delivered, err)
			}
		})
	}
}

// TestLMTPLeftOut: the answer to the next message's MAIL is none for a recipient of this one.
func TestLMTPLeftOut(t *testing.T) {
	t.Parallel()
	sink := &deliverytest.Sink{LMTP: true, Offer: []string{"PIPELINING"}}
	sink.Answer = func(to string) string {
		if strings.HasPrefix(to, ". TO:<bob@") {
			return deliverytest.Nothing
		}
		return ""
	}

	d := sinkTo(t, sink, func(o *delivery.SMTPOptions) { o.Timeout = time.Second })
	first, second := newMail(t, "1"), newMail(t, "2")
	first.Recipients = []string{"ann", "bob"}
	var errs []error
	_ = d.DeliverSeries(t.Context(), []*delivery.Message{first, second}, func(_ int, err error) error {
		errs = append(errs, err)
		return nil
	})

	partial, ok := errors.AsType[*delivery.PartialError](errs[0])
	if !ok || !slices.Equal(partial.Delivered, []string{"ann"}) {
		t.Errorf("%v", errs[0])
	}
}
