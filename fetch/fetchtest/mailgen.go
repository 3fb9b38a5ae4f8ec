package fetchtest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// mailGen writes messages that differ in ways that have broken programs before.
type mailGen struct {
	rnd *rand.Rand
	n   int
}

// MailKind is one of the ways in which messages differ.
type MailKind struct {
	Name string
	make func(*mailGen) string
}

// MailKinds are all kinds of messages. The last ones are large, and Messages uses each of those only once.
func MailKinds() []MailKind {
	return append([]MailKind{
		{"small", func(g *mailGen) string { return g.head() + g.text(1000) }},
		{"8-bit", func(g *mailGen) string {
			return g.head("Content-Transfer-Encoding: 8bit") +
				"Gr\xfc\xdfe aus K\xf6ln, \x80\xff\xfe\r\nund \xe2\x82\xac in UTF-8\r\n"
		}},
		{"dots", func(g *mailGen) string {
			return g.head() + ".\r\n..\r\n...\r\n.leading\r\nx\r\n.\r\n\r\n.\r\n"
		}},
		{"From lines", func(g *mailGen) string {
			return g.head() + "From here\r\n>From there\r\n>>From afar\r\n\r\nFrom ann@example.org " +
				"Sun Nov 22 04:00:00 2026\r\n"
		}},
		{"long lines", func(g *mailGen) string {
			return g.head() + strings.Repeat("long", 2500) + "\r\n" + g.word(998) + "\r\n"
		}},
		{"bare CR", func(g *mailGen) string { return g.head() + "one\rtwo\rthree\r\n\rfour\r\n" }},
		{"no final line end", func(g *mailGen) string { return g.head() + "the end is missing" }},
		{"no header", func(g *mailGen) string { return "\r\n" + g.text(300) }},
		{"empty body", func(g *mailGen) string { return g.head() }},
		{"only a header", func(g *mailGen) string { return strings.TrimSuffix(g.head(), "\r\n") }},
		{"UTF-8 header", func(g *mailGen) string {
			return g.head("X-Name: Jörg Müßig 例え 🐦", "X-Encoded: =?utf-8?B?SsO2cmc=?=") + g.text(200)
		}},
		{"folded header", func(g *mailGen) string {
			return g.head("References: <1@example.org>\r\n\t<2@example.org>\r\n <3@example.org>",
				"X-Empty:") + g.text(200)
		}},
		{"alternative", func(g *mailGen) string {
			return g.multipart("alternative", g.text(400), "<p>"+g.word(400)+"</p>\r\n")
		}},
		{"many blank lines", func(g *mailGen) string {
			return g.head() + strings.Repeat("\r\n", 300) + "x\r\n\r\n\r\n"
		}},
	}, largeKinds()...)
}

func largeKinds() []MailKind {
	return []MailKind{
		{"70 kB header", func(g *mailGen) string {
			var lines []string
			for i := range 700 {
				lines = append(lines, fmt.Sprintf("X-Line-%d: %s", i, g.word(95)))
			}
			return g.head(lines...) + g.text(100)
		}},
		{"5 MB attachment", func(g *mailGen) string {
			return g.multipart("mixed", g.text(300), g.base64(5<<20))
		}},
	}
}

// Messages returns n messages of all kinds in turn, the same ones for the same seed, no two alike. Lines end
// in CRLF.
func Messages(n int, seed uint64) [][]byte {
	g := &mailGen{rnd: rand.New(rand.NewPCG(seed, 0))}
	kinds := MailKinds()
	usual := len(kinds) - len(largeKinds())
	messages := make([][]byte, n)
	for i := range messages {
		k := i
		if i >= len(kinds) {
			k = (i - len(kinds)) % usual
		}
		g.n = i + 1
		messages[i] = []byte(kinds[k].make(g))
	}
	return messages
}

// head is a header, with more lines, and the blank line after it.
func (g *mailGen) head(more ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Return-Path: <sender%d@example.net>\r\n", g.n)
	fmt.Fprintf(&b, "Received: from relay.example.net by mail.example.org with ESMTP id %s;\r\n"+
		"\tSun, 22 Nov 2026 04:00:00 +0000\r\n", g.word(12))
	fmt.Fprintf(&b, "From: Sender %d <sender%d@example.net>\r\nTo: ann@example.org\r\n", g.n, g.n)
	fmt.Fprintf(&b, "Subject: message %d\r\nDate: Sun, 22 Nov 2026 04:00:00 +0000\r\n", g.n)
	fmt.Fprintf(&b, "Message-ID: <%d.%s@example.net>\r\n", g.n, g.word(16))
	for _, line := range more {
		b.WriteString(line + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// text is lines of words of about size bytes.
func (g *mailGen) text(size int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "This is message %d.\r\n", g.n)
	for b.Len() < size {
		for range 8 {
			b.WriteString(g.word(3+g.rnd.IntN(7)) + " ")
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

func (g *mailGen) word(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + g.rnd.IntN(26))
	}
	return string(b)
}

func (g *mailGen) base64(size int) string {
	raw := make([]byte, size)
	for i := 0; i+8 <= size; i += 8 {
		copy(raw[i:], fmt.Appendf(nil, "%08x", g.rnd.Uint32()))
	}
	text := base64.StdEncoding.EncodeToString(raw)
	var b strings.Builder
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	return b.String() + text + "\r\n"
}

func (g *mailGen) multipart(kind, first, second string) string {
	boundary := "=_" + g.word(20)
	types := [...]string{"text/plain", "text/html"}
	encoding := "7bit"
	if kind == "mixed" {
		types[1], encoding = "application/octet-stream; name=a.bin", "base64"
	}
	return g.head("MIME-Version: 1.0", "Content-Type: multipart/"+kind+"; boundary=\""+boundary+"\"") +
		"--" + boundary + "\r\nContent-Type: " + types[0] + "\r\n\r\n" + first +
		"\r\n--" + boundary + "\r\nContent-Type: " + types[1] + "\r\nContent-Transfer-Encoding: " + encoding +
		"\r\n\r\n" + second +
		"\r\n--" + boundary + "--\r\n"
}

// Canon returns what must not change on a message's way: its bytes, with LF for CRLF and with a line end at
// the end.
func Canon(message []byte) []byte {
	c := bytes.ReplaceAll(message, []byte("\r\n"), []byte("\n"))
	if !bytes.HasSuffix(c, []byte("\n")) {
		c = append(c, '\n')
	}
	return c
}
