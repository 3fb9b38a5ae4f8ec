package delivery

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"fetchd/fetch/wire"
)

// FuzzSMTPReply: whatever a server sends, a reply has a code from 200 to 599 and bounded text, and what is
// none breaks the connection for good.
func FuzzSMTPReply(f *testing.F) {
	for _, seed := range []string{
		"250 ok\r\n", "250-a\r\n250 b\r\n", "250\r\n", "354 go\n", "199 x\r\n", "250-a\r\n550 b\r\n",
		"25", "", "\r\n", "334AAAA\r\n", "999 x\r\n", "250\x00x\r\n",
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, data []byte) {
		client, server := net.Pipe()
		conn := wire.New(client, wire.Options{Timeout: time.Second})
		go func() {
			_, _ = server.Write(data)
			_ = server.Close()
		}()
		defer conn.Close()

		for range 10 {
			r, err := readSMTPReply(conn)
			if err != nil {
				if conn.Err() == nil {
					t.Fatalf("%v, and the connection is sound", err)
				}
				if _, again := readSMTPReply(conn); again == nil {
					t.Fatal("a reply behind an error")
				}
				return
			}

			if r.code < 200 || r.code > 599 || len(r.text()) > smtpText ||
				len(r.lines()) == 0 || len(r.lines()) > smtpLines {
				t.Fatalf("%+v", r)
			}
			if r.isOK() && r.isRefusal() || strings.ContainsAny(r.text(), "\n") {
				t.Fatalf("%+v", r)
			}
		}
	})
}

// TestSMTPReplyConceals: what is cut off leaves no half of a secret, also behind others that become short.
func TestSMTPReplyConceals(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	defer server.Close()
	conn := wire.New(client, wire.Options{Timeout: time.Second})
	defer conn.Close()
	const token = "0123456789abcdefghijklmnopqrstuvwxyz"
	conn.Conceal("ann", token)
	conn.Conceal("ann", "s3cr3t")

	text := strings.Repeat(token, smtpText/len(token))
	text += strings.Repeat(".", smtpText-4-len(text)) + "s3cr3t"
	go func() { _, _ = server.Write([]byte("550 " + text + "\r\n")) }()
	r, err := readSMTPReply(conn)
	if shown := conn.Quoted([]byte(r.text())); err != nil || strings.Contains(shown, "s3c") {
		t.Errorf("%v, %s", err, shown)
	}
}

// FuzzLineEnds: however a message is cut into pieces, what is sent has no line end but CRLF, no line that is
// a dot, and is the message again once the dots are taken away.
func FuzzLineEnds(f *testing.F) {
	for _, seed := range []string{
		"", ".", "a\r\n.\r\nb", "\n.\n", "\r.\r", ".\r\n..\r\n", "a\r", "\r\r\n\n", "x\x00\n",
	} {
		f.Add([]byte(seed), 1)
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		var whole lineEnds
		want := whole.append(nil, data)
		want = whole.end(want)

		var l lineEnds
		var got []byte
		for rest, n := data, max(1, step&0xf); len(rest) > 0; {
			k := min(n, len(rest))
			got = l.append(got, rest[:k])
			rest = rest[k:]
		}
		got = l.end(got)
		if !bytes.Equal(got, want) {
			t.Fatalf("in pieces %q, at once %q", got, want)
		}

		plain := bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")),
			[]byte("\r"), []byte("\n"))
		if len(plain) > 0 && plain[len(plain)-1] != '\n' {
			plain = append(plain, '\n')
		}
		lines := bytes.Split(got, []byte("\r\n"))
		for i, line := range lines {
			if bytes.ContainsAny(line, "\r\n") || string(line) == "." {
				t.Fatalf("line %q in %q", line, got)
			}
			lines[i] = bytes.TrimPrefix(line, []byte("."))
		}
		if back := bytes.Join(lines, []byte("\n")); !bytes.Equal(back, plain) {
			t.Fatalf("%q came as %q", plain, back)
		}
	})
}
