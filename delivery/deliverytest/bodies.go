package deliverytest

import (
	"bytes"
	"testing"

	"fetchd/delivery"
)

// Bodies are messages with all the oddities that a destination must preserve byte for byte.
func Bodies() map[string][]byte {
	const header = "From: bob@example.net\nTo: ann@example.org\nSubject: x\n"
	return map[string][]byte{
		"plain":               []byte(header + "\nbody\n"),
		"empty":               nil,
		"line end only":       []byte("\n"),
		"no header":           []byte("\r\nbody"),
		"no header, LF":       []byte("\nbody\n"),
		"header only":         []byte(header),
		"CRLF kept":           []byte("From: a@b\r\n\r\nbody\r\n"),
		"lone CR":             []byte(header + "\na\rb\r"),
		"CR CR LF":            []byte(header + "\na\r\r\nb\n\r"),
		"NUL":                 []byte(header + "X: a\x00b\n\n\x00\n"),
		"8-bit":               []byte("Subject: J\xfcrgen\n\n\x80\xff\xfe\n"),
		"10 MB line":          append([]byte(header+"\n"), bytes.Repeat([]byte("x"), 10<<20)...),
		"10 MB header line":   append([]byte("X: "), bytes.Repeat([]byte("x"), 10<<20)...),
		"many lines":          append([]byte(header+"\n"), bytes.Repeat([]byte("0123456789\n"), 200_000)...),
		"just in memory":      bytes.Repeat([]byte("y"), delivery.SpoolMemory),
		"just in a file":      bytes.Repeat([]byte("z"), delivery.SpoolMemory+1),
		"no final line end":   []byte(header + "\nbody"),
		"dots":                []byte(header + "\n.\n..\n.x\n.\r\n.\n"),
		"From lines":          []byte("From a@b Mon Jan  1\n" + header + "\nFrom me\n>From you\n\nFrom\n"),
		"empty lines at end":  []byte(header + "\nbody\n\n\n"),
		"not a header":        []byte("hello\nworld: \n\n"),
		"folded first line":   []byte(" folded\n" + header + "\n"),
		"end of file mark":    []byte(header + "\n\x1a\x04body\n"),
		"looks like a script": []byte("#!/bin/sh\ntouch /tmp/P\n"),
	}
}

// NewMessage returns a message with that body, byte by byte. It is released at the end of the test.
func NewMessage(t testing.TB, uid string, body []byte) *delivery.Message {
	t.Helper()
	spool := delivery.NewSpool(delivery.SpoolOptions{Dir: t.TempDir(), KeepCR: true})
	t.Cleanup(spool.Release)
	if _, err := spool.Write(body); err != nil {
		t.Fatal(err)
	}

	if err := spool.Close(); err != nil {
		t.Fatal(err)
	}

	return &delivery.Message{
		Account: "ann@mail.example.org", Mailbox: "INBOX", UIDValidity: 1, UID: uid,
		Sender: "bob@example.net", Recipients: []string{"ann"},
		Trace: []byte("Received: from mail.example.org\n\tby localhost; now\n"), Body: spool,
	}
}
