package delivery_test

import (
	"bytes"
	"io"
	"net"
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
	pipelined = hello + "S: 250-h\nS: 250 PIPELINING\n" +
		"C: MAIL FROM:<bob@example.net>\nC: RCPT TO:<ann@localhost>\nC: DATA\n"
	oneByOne = hello + "S: 250 h\nC: MAIL FROM:<bob@example.net>\n" +
		"S: 250 ok\nC: RCPT TO:<ann@localhost>\nS: 250 ok\nC: DATA\n"
	anonymous = "C: MAIL FROM:<>\n"
	content   = "C: Subject: x\nC:\x20\nC: body\nC: .\n"
	farewell  = "C: QUIT\nS: 221 bye\n"
	reset     = "S: 250 ok\nC: RSET\nC: MAIL FROM:<bob@example.net>\nC: RCPT TO:<ann@localhost>\nC: DATA\n"
)

// patience is the time-out of a deliverer to a dialogue: short only where it has to pass, so that none passes
// because the machine is busy.
func patience(dialogue string) time.Duration {
	if strings.Contains(dialogue, "STALL") {
		return time.Second
	}
	return 20 * time.Second
}

// peerTo is a deliverer to a dialogue.
func peerTo(t *testing.T, dialogue string, change func(*delivery.SMTPOptions)) *delivery.SMTP {
	t.Helper()
	addr := fetchtest.NewPeer(t, dialogue, nil).Listen()
	server := delivery.SMTPServer{Host: "localhost", Port: addr.Port, TLS: login.ClearText}
	return smtpTo(t, server, patience(dialogue), change)
}

func newMail(t testing.TB, uid string) *delivery.Message {
	m := deliverytest.NewMessage(t, uid, []byte("Subject: x\n\nbody\n"))
	m.Trace = nil
	return m
}

// newMails are messages of these UIDs.
func newMails(t testing.TB, uids ...string) []*delivery.Message {
	t.Helper()
	ms := make([]*delivery.Message, len(uids))
	for i, uid := range uids {
		ms[i] = newMail(t, uid)
	}
	return ms
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
		{"pipelined", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" +
			content + "S: 250 d\n" + farewell, 0, ""},
		{"one by one", oneByOne + "S: 354 c\n" + content + "S: 250 d\n" + farewell, 0, ""},
		{"lines and codes alone", pipelined + "S: 250-a\nS: 250-b\nS: 250\n" +
			"S: 251 b\nS: 354\n" + content + "S: 299\n" + farewell, 0, ""},
		{"EHLO not known", "S: 220 h\nC: EHLO client.example.org\n" +
			"S: 502 what?\nC: HELO client.example.org\nS: 250 h\n" +
			"C: MAIL FROM:<bob@example.net>\nS: 250 ok\n" +
			"C: RCPT TO:<ann@localhost>\nS: 250 ok\nC: DATA\nS: 354 go\n" +
			content + "S: 250 ok\n" + farewell, 0, ""},

		{"4xx greeting", "S: 450 no\n", unusable, "450"},
		{"421 greeting", "S: 421 busy\n", unusable, "busy"},
		{"554 greeting", "S: 554 no service\n", unusable, "no service"},
		{"250 greeting", "S: 250 hello\n", unusable, "no answer"},
		{"POP3", "S: +OK hello\n", unusable, "not an SMTP reply"},
		{"4xx to EHLO", hello + "S: 451 later\n", unusable, "later"},
		{"5xx to HELO", hello + "S: 500 what?\nC: HELO client.example.org\nS: 550 go away\n",
			unusable, "go away"},
		{"221 to EHLO", hello + "S: 221 bye\n", unusable, "bye"},
		{"334 to EHLO", hello + "S: 334\n", unusable, "no answer"},

		{"4xx to MAIL", pipelined + "S: 451 later\nS: 503 order\nS: 503 order\n" + farewell,
			temporary, `MAIL FROM:<bob@example.net>": refused with 451 "later"`},
		{"5xx to MAIL", pipelined + "S: 550 spammer\nS: 503 order\nS: 503 order\n" + farewell,
			permanent, "spammer"},
		{"530 to MAIL", pipelined + "S: 530 log in\nS: 530 log in\nS: 530 log in\n" + anonymous +
			"S: 530 log in\n" + farewell, unusable, "esmtpname"},
		{"530 to MAIL, one by one", hello + "S: 250 h\nC: MAIL FROM:<bob@example.net>\nS: 530 log in\n" +
			anonymous + "S: 530 log in\n" + farewell, unusable, "esmtpname"},
		{"530 to this sender", pipelined + "S: 530 log in\nS: 503 order\nS: 503 order\n" + anonymous +
			"S: 250 ok\n" + farewell, temporary, "esmtpname"},
		{"530 and lost", pipelined + "S: 530 log in\nS: 503 order\nS: 503 order\n" + anonymous + "CLOSE",
			unusable, "esmtpname"},
		{"530 to RCPT", pipelined + "S: 250 a\nS: 530 not from outside\nS: 503 order\n" + farewell, temporary,
			"esmtpname"},
		{"530 to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "S: 530 no\n" + farewell,
			temporary, "esmtpname"},
		{"antispam", pipelined + "S: 571 spammer\nS: 503 order\nS: 503 order\n" + farewell,
			permanent, "as spam with 571"},
		{"antispam passes", pipelined + "S: 250 a\nS: 451 grey\nS: 503 order\n" + farewell,
			permanent, "as spam with 451"},
		{"4xx to RCPT", pipelined + "S: 250 a\nS: 450 full\nS: 554 nobody\n" + farewell, temporary, "full"},
		{"5xx to RCPT", pipelined + "S: 250 a\nS: 550 who?\nS: 554 nobody\n" + farewell, permanent, "who?"},
		{"5xx to RCPT, one by one", hello + "S: 250 h\nC: MAIL FROM:<bob@example.net>\n" +
			"S: 250 ok\nC: RCPT TO:<ann@localhost>\nS: 550 who?\n" + farewell, permanent, "who?"},
		{"5xx to MAIL, one by one", hello + "S: 250 h\nC: MAIL FROM:<bob@example.net>\n" +
			"S: 550 spammer\n" + farewell, permanent, "spammer"},
		{"354 for nobody", pipelined + "S: 250 a\nS: 550 who?\nS: 354 go\n", permanent, "who?"},
		{"4xx to DATA", pipelined + "S: 250 a\nS: 250 b\nS: 452 full\n" + farewell, temporary, "full"},
		{"5xx to DATA", pipelined + "S: 250 a\nS: 250 b\nS: 554 no\n" + farewell, permanent, "554"},
		{"4xx to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content +
			"S: 452 full\n" + farewell, temporary, `message: refused with 452 "full"`},
		{"5xx to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content +
			"S: 552-too\nS: 552 large\n" + farewell, permanent, `552 "too large"`},
		{"control characters", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content +
			"S< 554 \\x1b[2J\\x00\\r\\n\n" + farewell, permanent, `\x1b[2J\x00`},

		{"250 to DATA", pipelined + "S: 250 a\nS: 250 b\nS: 250 c\n", temporary, "no answer"},
		{"199 to DATA", pipelined + "S: 250 a\nS: 250 b\nS: 199 c\n", temporary, "not an SMTP reply"},
		{"354 to MAIL", pipelined + "S: 354 a\n", temporary, "no answer"},
		{"354 to RCPT, one by one", hello + "S: 250 h\nC: MAIL FROM:<bob@example.net>\n" +
			"S: 250 ok\nC: RCPT TO:<ann@localhost>\nS: 354 ok\n", temporary, "no answer"},
		{"199 to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" +
			content + "S: 199 d\n", temporary, "not an SMTP reply"},
		{"354 to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" +
			content + "S: 354 d\n", temporary, "no answer"},
		{"an extra 250", pipelined + "S: 250 a\nS: 250 a\nS: 250 b\nS: 354 c\n", temporary, "no answer"},
		{"an extra 250 before the dot",
			pipelined + "S: 250 a\nS: 250 b\nS< 354 c\\r\\n250 d\\r\\n\n", temporary, "nobody asked"},
		{"an early 552", pipelined + "S: 250 a\nS: 250 b\nS< 354 c\\r\\n552 too large\\r\\n\n",
			permanent, "too large"},
		{"two greetings", "S< 220 h\\r\\n220 h\\r\\n\n", unusable, "no answer"},
		{"another greeting", hello + "S: 220 h\n", unusable, "no answer"},
		{"another code within a reply", pipelined + "S: 250-a\nS: 550 b\n", temporary, "not an SMTP reply"},
		{"no code", pipelined + "S: hello\n", temporary, "not an SMTP reply"},
		{"short line", pipelined + "S: 25\n", temporary, "not an SMTP reply"},
		{"334AAAA", pipelined + "S: 250AAAA\n", temporary, "not an SMTP reply"},
		{"endless reply", pipelined + "ENDLESS 250-a\\r\\n\n", temporary, "more than 100 lines"},
		{"endless line", pipelined + "ENDLESS 250\n", temporary, "more than 4096 bytes"},

		{"closed before EHLO", "CLOSE", unusable, "ended"},
		{"closed at MAIL", pipelined + "CLOSE", temporary, "ended"},
		{"closed before the message",
			pipelined + "S: 250 a\nS: 250 b\nS: 354 c\nCLOSE", temporary, "message: "},
		{"closed after the dot",
			pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "CLOSE", temporary, "ended"},
		{"421 to the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" +
			content + "S: 421 down\n", temporary, "down"},
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
		{"silent after the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + "STALL",
			temporary, "no answer within"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dialogue := strings.ReplaceAll(tt.dialogue, "C:\x20\n", "C: ~^$\n")
			d := peerTo(t, dialogue, func(o *delivery.SMTPOptions) {
				o.AntiSpam = []int{571}
				if tt.name == "antispam passes" {
					o.AntiSpam = []int{451}
				}
			})
			err := d.Deliver(t.Context(), newMail(t, "1"))
			if tt.says == "" && err == nil {
				return
			}
			if err == nil || tt.says == "" || delivery.ClassOf(err) != tt.class ||
				!strings.Contains(err.Error(), tt.says) {
				t.Errorf("class %d: %v\nwant class %d: %s", delivery.ClassOf(err), err, tt.class, tt.says)
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
	servers := []delivery.SMTPServer{
		at(dead.Addr()), at(busy.Listen(t, "127.0.0.1:0")), at(good.Listen(t, "127.0.0.1:0")),
	}
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
	if delivery.ClassOf(err) != delivery.Unusable ||
		!strings.Contains(err.Error(), "refused") || !strings.Contains(err.Error(), "busy") {
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
	d, err := delivery.NewSMTP(delivery.SMTPOptions{
		Servers: []delivery.SMTPServer{server}, Timeout: 300 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}

	m := deliverytest.NewMessage(t, "1", bytes.Repeat([]byte("0123456789\n"), 4<<20))
	if err := d.Deliver(t.Context(), m); !wire.IsTimeout(err) || delivery.ClassOf(err) != delivery.Temporary {
		t.Error(err)
	}
}
