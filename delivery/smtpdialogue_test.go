package delivery_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/login"
	"fetchd/fetch/wire"
)

const (
	hello     = "S: 220 h\nC: EHLO client.example.org\n"
	pipelined = hello + "S: 250-h\nS: 250 PIPELINING\nC: MAIL FROM:<bob@example.net>\nC: RCPT TO:<ann@localhost>\nC: DATA\n"
	oneByOne  = hello + "S: 250 h\nC: MAIL FROM:<bob@example.net>\nS: 250 ok\nC: RCPT TO:<ann@localhost>\nS: 250 ok\nC: DATA\n"
	content   = "C: Subject: x\nC:\x20\nC: body\nC: .\n"
	farewell  = "C: QUIT\nS: 221 bye\n"
	reset     = "S: 250 ok\nC: RSET\nC: MAIL FROM:<bob@example.net>\nC: RCPT TO:<ann@localhost>\nC: DATA\n"
)

// peerTo is a deliverer to a dialogue.
func peerTo(t *testing.T, dialogue string, change func(*delivery.SMTPOptions)) *delivery.SMTP {
	t.Helper()
	addr := fetchtest.NewPeer(t, dialogue, nil).Listen()
	server := delivery.SMTPServer{Host: "localhost", Port: addr.Port, TLS: login.ClearText}
	o := delivery.SMTPOptions{Servers: []delivery.SMTPServer{server}, Name: "client.example.org", Timeout: 500 * time.Millisecond}
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

func newMail(t testing.TB, uid string) *delivery.Message {
	m := deliverytest.NewMessage(t, uid, []byte("Subject: x\n\nbody\n"))
	m.Trace = nil
	return m
}

// TestSMTPDialogues: only a 2xx to the dot counts, a 4xx or 5xx is the answer's own matter, and whatever is
// out of place delivers nothing. What fetchmail 6.4 did otherwise lost mail.
func TestSMTPDialogues(t *testing.T) {
	t.Parallel()
	const (
		temporary = delivery.Temporary
		permanent = delivery.Permanent
		unusable  = delivery.Unusable
	)
	for _, tt := range []struct {
		name, dialogue string
		class          delivery.Class
		says           string // "" = it is delivered
	}{
		{"pipelined", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 250 d\n" + farewell, 0, ""},
		{"one by one", oneByOne + "S: 354 c\n" + content + "S: 250 d\n" + farewell, 0, ""},
		{"lines and codes alone", pipelined + "S: 250-a\nS: 250-b\nS: 250\nS: 251 b\nS: 354\n" + content + "S: 299\n" + farewell, 0, ""},
		{"EHLO not known", "S: 220 h\nC: EHLO client.example.org\nS: 502 what?\nC: HELO client.example.org\nS: 250 h\n" +
			"C: MAIL FROM:<bob@example.net>\nS: 250 ok\nC: RCPT TO:<ann@localhost>\nS: 250 ok\nC: DATA\nS: 354 go\n" +
			content + "S: 250 ok\n" + farewell, 0, ""},

		{"4xx greeting", "S: 450 no\n", unusable, "450"},
		{"421 greeting", "S: 421 busy\n", unusable, "busy"},
		{"554 greeting", "S: 554 no service\n", unusable, "no service"},
		{"250 greeting", "S: 250 hello\n", unusable, "no answer"},
		{"POP3", "S: +OK hello\n", unusable, "not an SMTP reply"},
		{"4xx to EHLO", hello + "S: 451 later\n", unusable, "later"},
		{"5xx to HELO", hello + "S: 500 what?\nC: HELO client.example.org\nS: 550 go away\n", unusable, "go away"},
		{"221 to EHLO", hello + "S: 221 bye\n", unusable, "bye"},
		{"334 to EHLO", hello + "S: 334\n", unusable, "no answer"},

		{"4xx to MAIL", pipelined + "S: 451 later\nS: 503 order\nS: 503 order\n" + farewell, temporary, `MAIL FROM:<bob@example.net>": refused with 451 "later"`},
		{"5xx to MAIL", pipelined + "S: 550 spammer\nS: 503 order\nS: 503 order\n" + farewell, permanent, "spammer"},
		{"530 to MAIL", pipelined + "S: 530 log in\nS: 530 log in\nS: 530 log in\n" + farewell, unusable, "esmtpname"},
		{"antispam", pipelined + "S: 571 spammer\nS: 503 order\nS: 503 order\n" + farewell, permanent, "as spam with 571"},
		{"antispam passes", pipelined + "S: 250 a\nS: 451 grey\nS: 503 order\n" + farewell, permanent, "as spam with 451"},
		{"4xx to RCPT", pipelined + "S: 250 a\nS: 450 full\nS: 554 nobody\n" + farewell, temporary, "full"},
		{"5xx to RCPT", pipelined + "S: 250 a\nS: 550 who?\nS: 554 nobody\n" + farewell, permanent, "who?"},
		{"5xx to RCPT, one by one", hello + "S: 250 h\nC: MAIL FROM:<bob@example.net>\nS: 250 ok\nC: RCPT TO:<ann@localhost>\nS: 550 who?\n" + farewell, permanent, "who?"},
		{"5xx to MAIL, one by one", hello + "S: 250 h\nC: MAIL FROM:<bob@example.net>\nS: 550 spammer\n" + farewell, permanent, "spammer"},
		{"354 for nobody", pipelined + "S: 250 a\nS: 550 who?\nS: 354 go\n", permanent, "who?"},
		{"4xx to DATA", pipelined + "S: 250 a\nS: 250 b\nS: 452 full\n" + farewell, temporary, "full"},
		{"5xx to DATA", pipelined + "S: 250 a\nS: 250 b\nS: 554 no\n" + farewell, permanent, "554"},
		{"4xx to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 452 full\n" + farewell, temporary, `message: refused with 452 "full"`},
		{"5xx to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 552-too\nS: 552 large\n" + farewell, permanent, `552 "too large"`},
		{"control characters", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "S< 554 \\x1b[2J\\x00\\r\\n\n" + farewell, permanent, `\x1b[2J\x00`},

		{"250 to DATA", pipelined + "S: 250 a\nS: 250 b\nS: 250 c\n", temporary, "no answer"},
		{"199 to DATA", pipelined + "S: 250 a\nS: 250 b\nS: 199 c\n", temporary, "not an SMTP reply"},
		{"354 to MAIL", pipelined + "S: 354 a\n", temporary, "no answer"},
		{"354 to RCPT, one by one", hello + "S: 250 h\nC: MAIL FROM:<bob@example.net>\nS: 250 ok\nC: RCPT TO:<ann@localhost>\nS: 354 ok\n", temporary, "no answer"},
		{"199 to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 199 d\n", temporary, "not an SMTP reply"},
		{"354 to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 354 d\n", temporary, "no answer"},
		{"an extra 250", pipelined + "S: 250 a\nS: 250 a\nS: 250 b\nS: 354 c\n", temporary, "no answer"},
		{"an extra 250 before the dot", pipelined + "S: 250 a\nS: 250 b\nS< 354 c\\r\\n250 d\\r\\n\n", temporary, "nobody asked"},
		{"an early 552", pipelined + "S: 250 a\nS: 250 b\nS< 354 c\\r\\n552 too large\\r\\n\n", permanent, "too large"},
		{"two greetings", "S< 220 h\\r\\n220 h\\r\\n\n", unusable, "no answer"},
		{"another greeting", hello + "S: 220 h\n", unusable, "no answer"},
		{"another code within a reply", pipelined + "S: 250-a\nS: 550 b\n", temporary, "not an SMTP reply"},
		{"no code", pipelined + "S: hello\n", temporary, "not an SMTP reply"},
		{"short line", pipelined + "S: 25\n", temporary, "not an SMTP reply"},
		{"334AAAA", pipelined + "S: 250AAAA\n", temporary, "not an SMTP reply"},
		{"endless reply", pipelined + "ENDLESS 250-a\\r\\n\n", temporary, "more than 100 lines"},
		{"endless line", pipelined + "ENDLESS 250\n", temporary, "more than 4096 bytes"},

		{"closed before EHLO", "CLOSE", unusable, "EOF"},
		{"closed at MAIL", pipelined + "CLOSE", temporary, "EOF"},
		{"closed before the message", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\nCLOSE", temporary, "message: "},
		{"closed after the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "CLOSE", temporary, "EOF"},
		{"421 to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 421 down\n", temporary, "down"},
		{"221 to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 221 bye\n", temporary,
			"the server leaves: 221"},
		{"221 to RCPT", pipelined + "S: 250 a\nS: 221 bye\n", temporary, "the server leaves: 221"},
		{"251 to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 251 passed on\n" +
			farewell, 0, ""},
		{"252 to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 252 perhaps\n" +
			farewell, 0, ""},
		{"299 to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 299 d\n" + farewell,
			0, ""},
		{"421 to RCPT", pipelined + "S: 250 a\nS: 421 down\n", temporary, "down"},
		{"silent before the greeting", "STALL", unusable, "within"},
		{"silent at MAIL", pipelined + "STALL", temporary, "no answer within"},
		{"silent after the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "STALL", temporary, "no answer within"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := peerTo(t, strings.ReplaceAll(tt.dialogue, "C:\x20\n", "C: ~^$\n"), func(o *delivery.SMTPOptions) {
				o.AntiSpam = []int{571}
				if tt.name == "antispam passes" {
					o.AntiSpam = []int{451}
				}
			})
			err := d.Deliver(t.Context(), newMail(t, "1"))
			if tt.says == "" && err == nil {
				return
			}
			if err == nil || tt.says == "" || delivery.ClassOf(err) != tt.class || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("class %d: %v\nwant class %d: %s", delivery.ClassOf(err), err, tt.class, tt.says)
			}
		})
	}
}

// TestSMTPSeries: the next message's commands come behind the dot, an unfinished transaction is reset before
// the next, and no dot comes before the message before it is settled.
func TestSMTPSeries(t *testing.T) {
	t.Parallel()
	const next = "C: MAIL FROM:<bob@example.net>\nC: RCPT TO:<ann@localhost>\nC: DATA\n"
	for _, tt := range []struct {
		name, dialogue string
		batch          int
		want           string // + delivered, - not
	}{
		{"three", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + next + "S: 250 d\nS: 250 a\nS: 250 b\nS: 354 c\n" +
			content + next + "S: 250 d\nS: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 250 d\n" + farewell, 0, "+++"},
		{"the second is refused", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + next + "S: 250 d\nS: 250 a\nS: 550 b\nS: 554 c\n" +
			"C: RSET\n" + next + "S: 250 r\nS: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 250 d\n" + farewell, 0, "+-+"},
		{"the first is refused at the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + next + "S: 554 d\nS: 250 a\nS: 250 b\nS: 354 c\n" +
			content + next + "S: 250 d\nS: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 250 d\n" + farewell, 0, "-++"},
		{"RSET refused", pipelined + "S: 250 a\nS: 550 b\nS: 554 c\n" + "C: RSET\n" + next + "S: 550 r\n", 0, "---"},
		{"one answer too many at a dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + next +
			"S: 250 d\nS: 250 d\nS: 250 a\nS: 250 b\nS: 354 c\n", 0, "+--"},
		{"no answer to a dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + next +
			"S: 250 a\nS: 250 b\nS: 354 c\n", 0, "---"},
		{"no answer to a dot, and the next is refused", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" +
			content + next + "S: 250 a\nS: 550 b\nS: 503 c\nSTALL", 0, "---"},
		{"the next is welcome, and an end", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + next +
			"S: 250 d\nS: 250 a\nS: 250 b\nCLOSE", 0, "+--"},
		{"an end behind a dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + next +
			"S: 250 d\nCLOSE", 0, "+--"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := peerTo(t, strings.ReplaceAll(tt.dialogue, "C:\x20\n", "C: ~^$\n"), func(o *delivery.SMTPOptions) { o.Batch = tt.batch })
			got := ""
			err := d.DeliverSeries(t.Context(), []*delivery.Message{newMail(t, "1"), newMail(t, "2"), newMail(t, "3")}, func(i int, err error) error {
				if i != len(got) {
					t.Errorf("message %d ended after %s", i, got)
				}
				if err == nil {
					got += "+"
				} else {
					got += "-"
				}
				return nil
			})
			if got != tt.want || err != nil {
				t.Errorf("%s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

// TestSMTPSeriesStops: what ends a series ends it before the next dot.
func TestSMTPSeriesStops(t *testing.T) {
	t.Parallel()
	stop := errors.New("the journal is full")
	sink := &deliverytest.Sink{Offer: []string{"PIPELINING"}}
	d := sinkTo(t, sink, nil)
	calls := 0
	err := d.DeliverSeries(t.Context(), []*delivery.Message{newMail(t, "1"), newMail(t, "2")}, func(int, error) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 || len(sink.Got()) != 1 {
		t.Errorf("%v after %d calls, %d delivered", err, calls, len(sink.Got()))
	}
	if err := d.Deliver(t.Context(), newMail(t, "2")); err != nil {
		t.Error(err)
	}
	if n, _ := sink.Sessions(); n != 2 { // the first one waits for the second message
		t.Errorf("%d connections, want 2", n)
	}
}

// TestSMTPLostBehindTheDot: what may have been delivered is not delivered again at once.
func TestSMTPLostBehindTheDot(t *testing.T) {
	t.Parallel()
	for _, offer := range [][]string{nil, {"PIPELINING"}} {
		sink := &deliverytest.Sink{Offer: offer}
		d := sinkTo(t, sink, nil)
		dots := 0
		sink.SetAnswer(func(to string) string {
			if to == "." {
				if dots++; dots == 2 {
					return deliverytest.Close
				}
			}
			return ""
		})
		want := []bool{true, false, true} // by its number, is it delivered?
		err := d.DeliverSeries(t.Context(), []*delivery.Message{newMail(t, "1"), newMail(t, "2"), newMail(t, "3")}, func(i int, err error) error {
			if (err == nil) != want[i] {
				t.Errorf("message %d: %v", i, err)
			}
			return nil
		})
		if err != nil || dots != 3 {
			t.Errorf("%v, %d messages were sent", err, dots)
		}
	}
}

// TestSMTPPanic: a connection on which something was cut short is not used again.
func TestSMTPPanic(t *testing.T) {
	t.Parallel()
	for _, offer := range [][]string{nil, {"PIPELINING"}} {
		sink := &deliverytest.Sink{Offer: offer}
		d := sinkTo(t, sink, nil)
		start := time.Now()
		m := newMail(t, "1")
		m.Lease = func() error { panic("a mistake of ours") }
		func() {
			defer func() { _ = recover() }()
			_ = d.Deliver(t.Context(), m)
		}()
		if err := d.Deliver(t.Context(), newMail(t, "2")); err != nil {
			t.Error(err)
		}
		if n, _ := sink.Sessions(); n != 2 || len(sink.Got()) != 1 {
			t.Errorf("%d connections, %d messages", n, len(sink.Got()))
		}
		if took := time.Since(start); took > 15*time.Second { // the time-out is 20
			t.Errorf("it took %v", took)
		}
	}
}

// TestSMTPConnections: a connection is kept from one delivery to the next, for as many messages as it may
// have, and a dead one is replaced.
func TestSMTPConnections(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		offer    []string
		batch    int
		sessions int
		answer   func() func(string) string
	}{
		{"kept", []string{"PIPELINING"}, 0, 1, nil},
		{"kept, one by one", nil, 0, 1, nil},
		{"batchlimit", []string{"PIPELINING"}, 2, 3, nil},
		{"MAILMAX", []string{"PIPELINING", "LIMITS MAILMAX=3 X=1 RCPTMAX=junk"}, 0, 2, nil},
		{"closed after each", []string{"PIPELINING"}, 0, 6, func() func(string) string {
			return func(to string) string {
				if to == "." {
					return "~250 ok"
				}
				return ""
			}
		}},
		{"421 to the next", nil, 0, 6, func() func(string) string {
			mails := 0
			return func(to string) string {
				switch {
				case to == "greeting":
					mails = 0
				case strings.HasPrefix(to, "MAIL"):
					if mails++; mails > 1 {
						return "~421 enough"
					}
				}
				return ""
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sink := &deliverytest.Sink{Offer: tt.offer}
			if tt.answer != nil {
				sink.Answer = tt.answer()
			}
			d := sinkTo(t, sink, func(o *delivery.SMTPOptions) { o.Batch = tt.batch })
			for range 3 {
				if err := d.Deliver(t.Context(), newMail(t, "1")); err != nil {
					t.Error(err)
				}
			}
			err := d.DeliverSeries(t.Context(), []*delivery.Message{newMail(t, "1"), newMail(t, "2"), newMail(t, "3")},
				func(_ int, err error) error { return err })
			if err != nil {
				t.Error(err)
			}
			if n := len(sink.Got()); n != 6 {
				t.Errorf("%d messages, want 6", n)
			}
			if n, _ := sink.Sessions(); n != tt.sessions {
				t.Errorf("%d connections, want %d", n, tt.sessions)
			}
			_ = d.Close()
			if n, farewells := sink.Sessions(); tt.answer == nil && farewells != n {
				t.Errorf("%d of %d connections ended with QUIT", farewells, n)
			}
		})
	}
}

// TestSMTPHunt: the first server that answers is taken, until it no longer does; a refused login ends the
// hunt.
func TestSMTPHunt(t *testing.T) {
	t.Parallel()
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close()
	busy, good := &deliverytest.Sink{Answer: func(string) string { return "~421 busy" }}, &deliverytest.Sink{}
	at := func(addr net.Addr) delivery.SMTPServer {
		return delivery.SMTPServer{Host: "localhost", Port: addr.(*net.TCPAddr).Port, TLS: login.ClearText}
	}
	servers := []delivery.SMTPServer{at(dead.Addr()), at(busy.Listen(t, "127.0.0.1:0")), at(good.Listen(t, "127.0.0.1:0"))}
	d, err := delivery.NewSMTP(delivery.SMTPOptions{Servers: servers, Batch: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := d.Deliver(t.Context(), newMail(t, "1")); err != nil {
			t.Error(err)
		}
	}
	if n, _ := busy.Sessions(); n != 1 || len(good.Got()) != 3 {
		t.Errorf("the busy server was tried %d times, the good one got %d", n, len(good.Got()))
	}

	d, err = delivery.NewSMTP(delivery.SMTPOptions{Servers: servers[:2]})
	if err != nil {
		t.Fatal(err)
	}
	err = d.Deliver(t.Context(), newMail(t, "1"))
	if delivery.ClassOf(err) != delivery.Unusable || !strings.Contains(err.Error(), "refused") || !strings.Contains(err.Error(), "busy") {
		t.Errorf("%v", err)
	}
}

// TestSMTPDeaf: a server that reads nothing of a large message ends the delivery by the time-out.
func TestSMTPDeaf(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "220 h\r\n250 h\r\n"[:7])
		for _, answer := range []string{"250 h", "250 a", "250 b", "354 c"} {
			_, _ = conn.Read(make([]byte, 1000))
			_, _ = io.WriteString(conn, answer+"\r\n")
		}
		<-t.Context().Done()
	}()
	server := delivery.SMTPServer{Host: "localhost", Port: l.Addr().(*net.TCPAddr).Port, TLS: login.ClearText}
	d, err := delivery.NewSMTP(delivery.SMTPOptions{Servers: []delivery.SMTPServer{server}, Timeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	m := deliverytest.NewMessage(t, "1", bytes.Repeat([]byte("0123456789\n"), 4<<20))
	if err := d.Deliver(t.Context(), m); !wire.IsTimeout(err) || delivery.ClassOf(err) != delivery.Temporary {
		t.Error(err)
	}
}

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
		{"full address", "", "", []string{"ann@example.org"}, nil, "FROM:<bob@example.net> TO:<ann@example.org>", ""},
		{"smtpaddress", "", "", []string{"ann"}, func(o *delivery.SMTPOptions) { o.Domain = "example.com" }, "FROM:<bob@example.net> TO:<ann@example.com>", ""},
		{"smtpname without a host", "", "", []string{"ann", "eve"},
			func(o *delivery.SMTPOptions) { o.Recipient, o.Domain = "all", "example.com" },
			"FROM:<bob@example.net> TO:<all@example.com>", ""},
		{"smtpname", "", "", []string{"ann", "eve"}, func(o *delivery.SMTPOptions) { o.Recipient = "all@example.com" }, "FROM:<bob@example.net> TO:<all@example.com>", ""},
		{"needs quotes", "", "", []string{"john doe"}, nil, `FROM:<bob@example.net> TO:<"john doe"@localhost>`, ""},
		{"size", all, "", []string{"ann"}, nil, "FROM:<bob@example.net> SIZE=11 TO:<ann@localhost>", ""},
		{"8 bits", all, "Subject: \xfc\n", []string{"ann"}, nil, "FROM:<bob@example.net> BODY=8BITMIME SIZE=23 TO:<ann@localhost>", ""},
		{"bounce", "", "Return-Path: <>\n", []string{"ann"}, nil, "FROM:<> TO:<ann@localhost>", ""},
		{"Return-Path is cut", all, "Return-Path: <eve@example.net>\n", []string{"ann"}, nil, "FROM:<eve@example.net> SIZE=11 TO:<ann@localhost>", ""},
		{"VERP", "", "Return-Path: <l-ann=example.org@example.net>\n", []string{"ann"}, nil, "FROM:<l-ann=example.org@example.net> TO:<ann@localhost>", ""},
		{"quoted", "", "Return-Path: <\"a@b\"@example.net>\n", []string{"ann"}, nil, `FROM:<"a@b"@example.net> TO:<ann@localhost>`, ""},
		{"bare", "", "From: root\n", []string{"ann"}, nil, "FROM:<root@mail.example.org> TO:<ann@localhost>", ""},
		{"two at", "", "From: a@b@c\n", []string{"ann"}, nil, "FROM:<fred@mail.example.org> TO:<ann@localhost>", ""},
		{"UTF-8", all, "From: j\u00fcrgen@example.net\n", []string{"ann"}, nil, "FROM:<j\u00fcrgen@example.net> SMTPUTF8 BODY=8BITMIME SIZE=38 TO:<ann@localhost>", ""},
		{"UTF-8, not offered", "", "From: j\u00fcrgen@example.net\n", []string{"ann"}, nil, "FROM:<fred@mail.example.org> TO:<ann@localhost>", ""},
		{"UTF-8 recipient, not offered", "", "", []string{"j\u00fcrgen"}, nil, "", "SMTPUTF8"},
		{"UTF-8 recipient among others, not offered", "", "", []string{"j\u00fcrgen", "ann", "bob"}, nil,
			"FROM:<bob@example.net> TO:<ann@localhost> FROM:<bob@example.net> TO:<bob@localhost>", "SMTPUTF8"},
		{"too large", "SIZE 9", "", []string{"ann"}, nil, "", "11 bytes, and the server takes 9"},
		{"line break", "", "", []string{"ann>\r\nQUIT"}, nil, "", "control character"},
		{"RCPTMAX", "LIMITS RCPTMAX=2", "", []string{"a", "b", "c"}, nil,
			"FROM:<bob@example.net> TO:<a@localhost> FROM:<bob@example.net> TO:<b@localhost> FROM:<bob@example.net> TO:<c@localhost>", ""},
		{"RCPTDOMAINMAX", "LIMITS RCPTDOMAINMAX=1", "", []string{"a", "b@x", "c@X"}, nil,
			"FROM:<bob@example.net> TO:<a@localhost> FROM:<bob@example.net> TO:<b@x> FROM:<bob@example.net> TO:<c@X>", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// With LMTP each recipient is one that was delivered to.
			sink := &deliverytest.Sink{LMTP: true, Offer: strings.FieldsFunc(tt.offer, func(r rune) bool { return r == '\n' })}
			d := sinkTo(t, sink, tt.change)
			m := deliverytest.NewMessage(t, "1", []byte(tt.header+"\nbody\nx"))
			m.Trace, m.Recipients = nil, tt.recipients
			if tt.header == "From: root\n" || strings.HasPrefix(tt.header, "From: a@b") || tt.offer == "" && strings.Contains(tt.header, "\u00fc") {
				m.Sender = "fred@mail.example.org"
			}
			err := d.Deliver(t.Context(), m)
			if tt.says != "" {
				if err == nil || !strings.Contains(err.Error(), tt.says) || delivery.ClassOf(err) != delivery.Permanent {
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
		{"over quota", map[string]string{"bob": "452 bob is full"}, "ann eve", delivery.Temporary, "bob is full"},
		{"no such user", map[string]string{"bob": "550 no bob"}, "ann eve", delivery.Permanent, "no bob"},
		{"one for good, one for now", map[string]string{"ann": "550 no ann", "eve": "450 eve sleeps"}, "bob", delivery.Temporary, "eve sleeps"},
		{"none", map[string]string{"ann": "550 a", "bob": "550 b", "eve": "550 e"}, "", delivery.Permanent, "3 recipients"},
		{"lost", map[string]string{"bob": deliverytest.Close}, "ann", delivery.Temporary, "EOF"},
		{"lost at once", map[string]string{"ann": deliverytest.Close}, "", delivery.Temporary, "EOF"},
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
			if err == nil || delivery.ClassOf(err) != tt.class || delivered != tt.delivered || !strings.Contains(err.Error(), tt.says) {
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
