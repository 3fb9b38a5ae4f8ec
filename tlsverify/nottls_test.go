package tlsverify

import (
	"strings"
	"testing"
)

func TestNotTLS(t *testing.T) {
	t.Parallel()
	const wrapped = "no TLS on this port: the server "
	const broken = "; hint: tell the operator (fetchd help starttls); " +
		"until it is mended, try ssl with port "
	hello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\xaa", 300)
	imap, pop3 := Options{Protocol: "imap"}, Options{Protocol: "pop3"}
	startTLS, stls := Options{Protocol: "imap", StartTLS: true}, Options{Protocol: "pop3", StartTLS: true}
	found := Options{SRVDomain: "example.net", Service: "imaps", Protocol: "imap"}
	cases := []struct {
		name   string
		o      Options
		port   int
		banner string
		want   string
	}{
		{"IMAP", imap, 143, "* OK [CAPABILITY IMAP4rev1] ready\r\n",
			wrapped + `said "* OK [CAPABILITY IMAP4rev1] ready", which looks like plain IMAP; ` +
				`hint: leave ssl out to use STARTTLS, or use port 993`},
		{"IMAP where TLS should be", imap, 993, "* OK ready\r\n",
			wrapped + `said "* OK ready", which looks like plain IMAP; ` +
				`hint: port 993 is for TLS from the first byte: tell the operator ` +
				`(fetchd help reach), or leave ssl and the port out to use STARTTLS`},
		{"POP3", pop3, 110, "+OK ready <1@x>\r\nmore\r\n",
			wrapped + `said "+OK ready <1@x>", which looks like plain POP3; ` +
				`hint: leave ssl out to use STLS, or use port 995`},
		{"POP3 instead of IMAP", imap, 110, "+OK ready\r\n",
			wrapped + `said "+OK ready", which looks like plain POP3; ` +
				`hint: imap is configured: check proto and port`},
		{"any protocol", Options{}, 110, "+OK ready\r\n",
			wrapped + `said "+OK ready", which looks like plain POP3; ` +
				`hint: leave ssl out to use STLS, or use port 995`},
		{"found by SRV", found, 143, "* OK ready\r\n",
			wrapped + `said "* OK ready", which looks like plain IMAP; ` +
				`hint: the record _imaps._tcp.example.net names a port without TLS: ` +
				`tell the operator, or name the server without srv`},
		{"busy", imap, 993, "* BYE too many connections\r\n",
			wrapped + `said "* BYE too many connections", which looks like plain IMAP that turns us away; ` +
				`hint: try again later`},
		{"STARTTLS goes on in clear text", startTLS, 143, "* BAD unknown command " + hello + "\r\n",
			`no TLS after STARTTLS: the server agreed to it, and then said "* BAD unknown command", ` +
				`which is clear text` + broken + "993"},
		{"STLS goes on in clear text", stls, 110, "-ERR " + hello + "\r\n",
			`no TLS after STLS: the server agreed to it, and then said "-ERR", which is clear text` + broken +
				"995"},
		{"STLS echoes", stls, 110, "\x00\x01" + hello,
			`no TLS after STLS: the server agreed to it, and then sent what is neither TLS nor text` +
				broken + "995"},
		{"SMTP", Options{}, 25, "220 mail.example.org ESMTP\r\n",
			wrapped + `said "220 mail.example.org ESMTP", which looks like plain SMTP or LMTP; ` +
				`hint: leave ssl out to use STARTTLS, or use port 465`},
		{"HTTP", imap, 443, "HTTP/1.1 400 Bad Request\r\nServer: x\r\n",
			wrapped + `said "HTTP/1.1 400 Bad Request", which looks like a web server; ` +
				`hint: check host and port`},
		{"SSH", imap, 22, "SSH-2.0-OpenSSH_9\r\n",
			wrapped + `said "SSH-2.0-OpenSSH_9", which looks like an SSH server; hint: check host and port`},
		{"ManageSieve", Options{}, 4190, "\"IMPLEMENTATION\" \"x\"\r\n",
			wrapped + `said "\"IMPLEMENTATION\" \"x\"", which looks like ManageSieve; ` +
				`hint: leave ssl out to use STARTTLS`},
		{"escape sequences", imap, 993, "\x1b[2J\x00\xff" + strings.Repeat("x", 9000),
			wrapped + `sent what is neither TLS nor text; hint: check host and port`},
		{"text without end", imap, 993, "hello " + strings.Repeat("x", 9000),
			wrapped + `said "hello ` + strings.Repeat("x", 74) + `", which is of no protocol known here; ` +
				`hint: check host and port`},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.o.Host = host
			v, err := answerTo(t, c.o, c.port, c.banner)
			if v != nil || !as[*NotTLSError](err) || err.Error() != c.want {
				t.Fatalf("%T\n%v\n%s", err, err, c.want)
			}
			checkMessage(t, err)
		})
	}
}
