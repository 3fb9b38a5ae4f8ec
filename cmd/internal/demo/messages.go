package demo

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

// Message is a message of the demonstration.
type Message struct {
	Name string // what is special about it
	Text []byte // with CRLF line ends
}

const bigSize = 5 << 20

// Messages are a dozen messages, each odd in its own way.
func Messages() []Message {
	return []Message{
		message("plain", "Subject: Welcome", "Hello Ann,\nthis is an ordinary message.\n"),
		message("8-bit", "Subject: Gr\xc3\xbc\xc3\x9fe aus K\xc3\xb6ln\n"+
			"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit",
			"Sch\xc3\xb6ne Gr\xc3\xbc\xc3\x9fe \xe2\x80\x93 \xe4\xbd\xa0\xe5\xa5\xbd\n"),
		message("latin1", "Subject: =?iso-8859-1?Q?caf=E9?=\nContent-Type: text/plain; charset=iso-8859-1",
			"caf\xe9 \xa3 5\n"),
		message("dots", "Subject: Lines that begin with dots", ".\n..\n.hidden\n...three\n.\n"),
		message("long lines", "Subject: A line of 20,000 characters",
			strings.Repeat("abcdefghij", 2000)+"\n"),
		message("from lines", "Subject: Lines that look like an mbox",
			"From here on\nFrom ann Mon Jan  1\n>From there\n"),
		message("folded", "Subject: A header that\n goes on\n\tand on\nX-Empty:", "See above.\n"),
		message("empty body", "Subject: Nothing to say", ""),
		message("no line end", "Subject: The last line does not end", "the end"),
		attachment("attachment", "report.pdf", bytes.Repeat([]byte("%PDF-1.4 not really\n"), 400)),
		attachment("odd file name", "../../etc/passwd", []byte("a name that a mail reader must not trust\n")),
		attachment("5 MB", "photo.jpg", bytes.Repeat([]byte{0xff, 0xd8, 0x00, 0x0d, 0x0a}, bigSize/5)),
	}
}

func message(name, header, body string) Message {
	text := fmt.Sprintf("From: Demo <demo@example.org>\nTo: ann@example.org\n"+
		"Date: Sun, 22 Nov 2026 01:23:27 +0000\nMessage-ID: <%s@demo.example.org>\n"+
		"MIME-Version: 1.0\n%s\n\n%s",
		strings.ReplaceAll(name, " ", "-"), header, body)
	return Message{name, []byte(strings.ReplaceAll(text, "\n", "\r\n"))}
}

func attachment(name, file string, data []byte) Message {
	const boundary = "=-demo-boundary"
	var body strings.Builder
	fmt.Fprintf(&body, "--%s\nContent-Type: text/plain\n\nSee the attachment.\n--%s\n", boundary, boundary)
	fmt.Fprintf(&body, "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n"+
		"Content-Disposition: attachment; filename=%q\n\n", file)
	text := base64.StdEncoding.EncodeToString(data)
	for len(text) > 0 {
		n := min(76, len(text)) // RFC 2045 section 6.8
		body.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	fmt.Fprintf(&body, "--%s--\n", boundary)
	return message(name, fmt.Sprintf("Subject: With an attachment\n"+
		"Content-Type: multipart/mixed; boundary=%q", boundary), body.String())
}
