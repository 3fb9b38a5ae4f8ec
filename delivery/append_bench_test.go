package delivery_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
	"fetchd/fetch/fetchtest"
)

// BenchmarkAppend delivers messages of 4 KB into a folder of a Dovecot on this machine. "raw" is a writer
// that does no more than it must: it has the messages ready, and 64 under way. "multi" sends as many in one
// command.
func BenchmarkAppend(b *testing.B) {
	d := fetchtest.StartDovecot(b)
	b.Run("us", func(b *testing.B) {
		a := newAppend(b, delivery.AppendOptions{Host: "localhost", Port: d.IMAP, User: d.User(),
			Password: secretOf(d.Password)})
		ms := make([]*delivery.Message, 256)
		for i := range ms {
			ms[i] = deliverytest.NewMessage(b, fmt.Sprint(i), benchBody())
		}
		if err := a.Deliver(b.Context(), ms[0]); err != nil { // logs in
			b.Fatal(err)
		}
		b.ResetTimer()
		for left := b.N; left > 0; left -= len(ms) {
			ms = ms[:min(len(ms), left)]
			for _, err := range a.DeliverGroup(b.Context(), ms) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("raw", func(b *testing.B) { appendRaw(b, d, 1) })
	b.Run("multi", func(b *testing.B) { appendRaw(b, d, 64) })
}

// appendRaw sends messages, so many in one command.
func appendRaw(b *testing.B, d *fetchtest.Dovecot, each int) {
	conn, err := net.Dial("tcp", fmt.Sprintf("localhost:%d", d.IMAP))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	expect := func(tag string) {
		for {
			line, err := r.ReadString('\n')
			if err != nil || strings.HasPrefix(line, tag+" NO") || strings.HasPrefix(line, tag+" BAD") {
				b.Fatal(line, err)
			}
			if strings.HasPrefix(line, tag) {
				return
			}
		}
	}
	expect("* OK")
	fmt.Fprintf(conn, "a LOGIN %s %s\r\n", d.User(), d.Password)
	expect("a")
	message := strings.ReplaceAll("Received: from mail.example.org\n\tby localhost; "+
		"now\n"+string(benchBody()), "\n", "\r\n")
	literal := fmt.Sprintf(" {%d+}\r\n%s", len(message), message)
	under := 0
	b.ResetTimer()
	for sent := 0; sent < b.N; {
		n := min(each, b.N-sent)
		if _, err := fmt.Fprintf(conn, "t APPEND INBOX%s\r\n", strings.Repeat(literal, n)); err != nil {
			b.Fatal(err)
		}
		sent += n
		for under++; under*each >= 64; under-- {
			expect("t")
		}
	}
	for ; under > 0; under-- {
		expect("t")
	}
}
