package delivery_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
	"fetchd/fetch/login"
)

// BenchmarkSMTP delivers messages of 4 KB to a sink on this machine. "raw" is a writer that does no more than
// it must: it has the messages ready, pipelines, and waits for 354 and for each dot's answer.
func BenchmarkSMTP(b *testing.B) {
	for _, lmtp := range []bool{false, true} {
		name := map[bool]string{false: "SMTP", true: "LMTP"}[lmtp]
		b.Run(name, func(b *testing.B) {
			sink, server := benchSink(b, lmtp)
			d, err := delivery.NewSMTP(delivery.SMTPOptions{Servers: []delivery.SMTPServer{server}})
			if err != nil {
				b.Fatal(err)
			}

			defer d.Close()
			m := deliverytest.NewMessage(b, "1", benchBody())
			ms := make([]*delivery.Message, b.N)
			for i := range ms {
				ms[i] = m
			}

			b.ResetTimer()
			if err := d.DeliverSeries(b.Context(), ms,
				func(_ int, err error) error { return err }); err != nil {
				b.Fatal(err)
			}
			if n := len(sink.Got()); n != b.N {
				b.Fatalf("%d messages", n)
			}
		})

		b.Run(name+" raw", func(b *testing.B) {
			_, server := benchSink(b, lmtp)
			if err := deliverRaw(b, server, lmtp); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func benchBody() []byte {
	return []byte("From: bob@example.net\nSubject: x\n\n" + strings.Repeat(strings.Repeat("x", 69)+"\n", 58))
}

func benchSink(b *testing.B, lmtp bool) (*deliverytest.Sink, delivery.SMTPServer) {
	sink := &deliverytest.Sink{LMTP: lmtp, Discard: true, Offer: []string{"PIPELINING", "8BITMIME", "SIZE"}}
	server := delivery.SMTPServer{LMTP: lmtp, TLS: login.ClearText}
	if lmtp {
		server.Socket = filepath.Join(b.TempDir(), "lmtp")
		sink.Listen(b, server.Socket)
		return sink, server
	}
	server.Host, server.Port = "localhost", sink.Listen(b, "127.0.0.1:0").(*net.TCPAddr).Port
	return sink, server
}

func deliverRaw(b *testing.B, server delivery.SMTPServer, lmtp bool) error {
	network, address, hello := "tcp", fmt.Sprintf("127.0.0.1:%d", server.Port), "EHLO x\r\n"
	if lmtp {
		network, address, hello = "unix", server.Socket, "LHLO x\r\n"
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReader(conn)
	read := func(n int) (err error) {
		for range n {
			_, err = r.ReadSlice('\n')
		}
		return err
	}
	begin := []byte("MAIL FROM:<bob@example.net>\r\nRCPT TO:<ann@localhost>\r\nDATA\r\n")
	body := append(bytes.ReplaceAll(benchBody(), []byte("\n"), []byte("\r\n")), ".\r\n"...)
	both := append(bytes.Clone(body), begin...)
	_ = read(1)
	_, _ = conn.Write([]byte(hello))
	_ = read(4)

	b.ResetTimer()
	_, _ = conn.Write(begin)
	for i := range b.N {
		if err := read(3); err != nil { // MAIL, RCPT, DATA
			return err
		}
		text := both
		if i == b.N-1 {
			text = body
		}
		if _, err := conn.Write(text); err != nil {
			return err
		}
		if err := read(1); err != nil {
			return err
		}
	}
	return nil
}
