package delivery

import (
	"bytes"
	"net"
	"testing"
	"time"

	"fetchd/fetch/wire"
)

// FuzzAppendResponses: whatever a server sends, a message counts as delivered only if it was sent whole and
// a line with its tag says OK, and what is out of place breaks the connection for good.
func FuzzAppendResponses(f *testing.F) {
	for _, seed := range []string{
		"A1 OK\r\nA2 OK x\r\n", "A1 NO [OVERQUOTA] x\r\n", "A2 OK\r\n", "* BYE\r\n", "+ go\r\nA1 OK\r\n", "",
		"* LIST () {3}\r\nabc x\r\nA1 BAD\r\n", "* 1 FETCH {99999999}\r\n",
		"* OK {3}\r\nA1 ok [x\r\n", "A3 OK\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		client, server := net.Pipe()
		conn := wire.New(client, wire.Options{Timeout: time.Second})
		defer conn.Close()
		go func() {
			_, _ = server.Write(data)
			_ = server.Close()
		}()

		d, err := NewAppend(AppendOptions{Host: "h", User: "ann"})
		if err != nil {
			t.Fatal(err)
		}
		s := newAppendSession(d, conn, nil)
		s.folder = &appendFolder{name: "INBOX", wire: `"INBOX"`}
		whole := &appendItem{m: &Message{}, state: appendComplete}
		partly := &appendItem{m: &Message{}, state: appendPartly}
		for i, it := range []*appendItem{whole, partly} {
			s.pending = append(s.pending, &appendCommand{tag: []string{"A1", "A2"}[i],
				items: []*appendItem{it}})
		}
		err = s.await(0)

		said := bytes.Contains(bytes.ToUpper(data), []byte("A1 OK"))
		if whole.state == appendDone && !said || partly.state == appendDone {
			t.Fatalf("delivered by %q", data)
		}
		if (err == nil) != (conn.Err() == nil) {
			t.Fatalf("%v, and the connection's error is %v", err, conn.Err())
		}
	})
}
